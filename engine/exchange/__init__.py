"""The simulated exchange: a deterministic model of a Bybit USDT linear perpetual, in integers.

Instrument facts, orders, fills, margin, funding and the ledger live here. Everything is one state
that steps over fill bars; the backtest drives it compiled, block by block. Imports nothing but the
engine's time, errors, rules and sizing.
"""
