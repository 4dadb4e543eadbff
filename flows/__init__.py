"""Flows: orchestration only, and the ``lockstep`` command (``flows.cli``). May import everything."""
