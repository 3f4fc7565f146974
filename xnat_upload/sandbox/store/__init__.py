"""What an archive holds, and its rules; nothing here knows HTTP."""
