"""A run's folder: written once, sealed, verified on every read.

``runs/<play>/<symbol>/<run_id>/`` under the artifacts root holds one run. ``manifest.json`` covers
every other file by SHA-256 and size, ``manifest.sha256`` seals the manifest. Invariants:

1. A folder is complete when it appears under its final name and is never touched again.
2. A folder's name is its run id, and the id is the hash of the inputs tree it holds.
3. Nothing is used before its bytes are verified; one flipped byte is an error naming the file.
4. An existing id is never overwritten.

Imports ``engine`` and :mod:`tasks.identity` only.
"""

from tasks.artifacts.catalog import find_run, list_runs, open_run
from tasks.artifacts.commit import Commit, collect_dead_writers, commit_run
from tasks.artifacts.folder import RunFolder, open_folder
from tasks.artifacts.outputs import Outputs, first_difference, outputs_of
from tasks.artifacts.tables import TABLES
from tasks.artifacts.verifications import keep_attempt, read_verifications, record_verification

__all__ = [
    "TABLES",
    "Commit",
    "Outputs",
    "RunFolder",
    "collect_dead_writers",
    "commit_run",
    "find_run",
    "first_difference",
    "keep_attempt",
    "list_runs",
    "open_folder",
    "open_run",
    "outputs_of",
    "read_verifications",
    "record_verification",
]
