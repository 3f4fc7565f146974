"""Plan: what will be done with each file, and why; which files travel together.

Knows what lies here and what is listed there, as values. Reads and sends nothing itself.
"""
