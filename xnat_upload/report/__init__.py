"""Report: what became of each file, as a value, a table, HTML, JSON, CSV and a DataFrame; and progress on the way.

Knows outcomes. Sends and decides nothing.
"""
