"""Other people's own test suites, run against the sandbox: ``make foreign``.

Their packages and what their source distributions carry come from the package index,
into environments of their own below ``build/foreign``; nothing of them is kept here.
How many pass stands in ``numbers.json``, and may only rise.
"""
