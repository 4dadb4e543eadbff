"""Flows: orchestration only, and the ``lockstep`` command (``flows.cli``).

Every flow is an ordinary Prefect flow of plain, JSON-able parameters (``requests.py``), so that a
deployment can run it as the command line does. Modules here import nothing heavy until they are
called: ``lockstep --help`` must answer at once. May import everything.
"""
