"""The report of a run: one self-contained HTML page, the same bytes for the same run.

The page carries its own drawing library, reads nothing from the network and states no time of
its own. It is part of a run's folder and no part of the result hash.
"""

from tasks.report.page import render_report

__all__ = ["render_report"]
