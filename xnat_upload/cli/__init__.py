"""The command ``xnat-upload``: the uploader for a shell and a nightly job.

Knows the public face alone, and what a terminal can show.
"""
