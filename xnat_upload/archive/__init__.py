"""What is asked of an XNAT and what it answers: logins, HTTP, retries of questions, and the meaning of odd answers.

The only room that knows pyxnat and HTTP. Knows places; knows nothing of local files, plans and reports.
"""
