"""Plays evaluated the slow way: plain Python lists and pandas, from the language's page.

The oracle of decisions. It reads a loaded play's syntax tree and shares nothing with
``engine.features`` but the kernels of indicators and structures, which have oracles of their own:
bars are aggregated by pandas, values of other timeframes looked up by time, and every function is
written out for one bar at a time over lists in which None is missing.
"""
