"""Tasks: one side effect each, as Prefect tasks with plain functions inside.

The store, imports and generated data, data quality, runs, artifacts, verification and reports.
May import ``engine``; never ``flows`` or ``live``.
"""
