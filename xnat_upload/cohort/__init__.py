"""Many uploads from a table: its rows checked, spread over threads or a dask cluster, and reported in their order.

Knows how one session is uploaded by the rooms below. Knows no HTTP.
"""
