"""Where a file goes: hub project, accession, scan and resource, what they may be called, and which type a scan has.

Knows the names that XNAT can hold. Knows no archive, no request and no local file: nothing here asks or reads anything.
"""
