"""Uploads of the same files by this library, by its peers and by curl, side by side: ``python -m tests.benchmarks``.

Nothing here is a test: time is measured and not asserted. ``tests/transfer/test_wire.py`` asserts counts,
memory and disk.
"""
