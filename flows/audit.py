"""Audits: a committed run proved again from its manifest, in a fresh process (M19)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from flows.progress import step
from flows.requests import RerunRequest
from tasks.verify import Verification, rerun


@task(name="rerun", cache_policy=NO_CACHE)
def rerun_one(request: RerunRequest) -> Verification:
    """Rerun the run; ArtifactError if its folder is damaged."""
    step(f"proving {Path(request.run).name[:16]} again in a fresh process")
    return rerun(
        Path(request.artifacts), Path(request.run), Path(request.home), pinned=request.pinned
    )


@flow(name="audit rerun")
def audit_rerun(request: RerunRequest) -> Any:
    """Prove one run again; any verdict but IDENTICAL is a Failed state named by the verdict, its
    data the verification."""
    found = rerun_one(request)
    document = found.to_dict()
    row = {"run_id": found.run_id, "verdict": found.verdict, "reason": found.reason}
    create_table_artifact(key="audit", table=[row])
    if found.verdict == "IDENTICAL":
        return document
    return Failed(name=found.verdict, message=found.reason, data=document)
