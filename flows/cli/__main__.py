"""``python -m flows.cli``: the same as ``lockstep``."""

from flows.cli import run

run()
