"""The ``lockstep`` command: one module a command group, one boundary for errors.

``app.py`` puts the groups together and turns whatever goes wrong into one line and an exit code;
``command.py`` gives every command ``--json``, ``--home`` and ``--debug`` and runs its cross-option
rules inside parsing. Command modules import what they do inside their functions.
"""

from flows.cli.app import main, run

__all__ = ["main", "run"]
