"""Strict fake platforms: they refuse what the platform refuses and keep what they were sent.

Written from the platforms' contracts, never from our channels' code. A source's fake is `FAKE` of the module
called as the source is.
"""
