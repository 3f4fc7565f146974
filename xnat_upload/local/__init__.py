"""Stage: what a caller wants uploaded, and what lies on the disk, safely found, fingerprinted and opened anew.

Knows paths and bytes of this machine, and the places they are meant for. Knows no archive.
"""
