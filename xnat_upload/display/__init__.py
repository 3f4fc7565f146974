"""How tables and numbers look to a person, in a terminal and in a notebook.

Knows text alone: nothing here has heard of an XNAT.
"""
