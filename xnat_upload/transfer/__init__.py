"""Transfer and verify: one writer in each resource, the bytes of requests, and what a lost answer means.

Knows plans, local bytes and a store that can be written and listed. Only `resource_store` knows that it is an XNAT.
"""
