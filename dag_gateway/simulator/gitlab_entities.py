"""The projects, jobs, branches and tags of a simulated GitLab, and how its API shows them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class SimulatedProject:
    """``branches`` and ``tags`` say of each name whether it is protected. May be changed at any time."""

    id: int
    path: str
    branches: dict[str, bool]
    tags: dict[str, bool]


@dataclass
class SimulatedJob:
    """A job as CI started it. May be changed at any time; its token is valid while ``status`` is running."""

    id: int
    token: str = field(repr=False)
    project_url: str
    """What the job knows as ``CI_PROJECT_URL``."""
    project: SimulatedProject
    ref: str
    tag: bool
    status: str
    source: str
    user: str
    sha: str
    started_at: str


def job_json(job: SimulatedJob) -> dict[str, Any]:
    """``lib/api/entities/ci/job.rb``; a merge request's job has a ``ref`` like ``refs/merge-requests/1/head``."""
    return {
        "id": job.id,
        "status": job.status,
        "stage": "deploy",
        "name": "deploy",
        "ref": job.ref,
        "tag": job.tag,
        "coverage": None,
        "allow_failure": False,
        "created_at": job.started_at,
        "started_at": job.started_at,
        "finished_at": None,
        "erased_at": None,
        "user": {"id": 1, "username": job.user, "name": job.user.title(), "state": "active"},
        "commit": _commit_json(job.sha),
        "pipeline": {
            "id": job.id * 10,
            "project_id": job.project.id,
            "sha": job.sha,
            "ref": job.ref,
            "status": "running",
            "source": job.source,
            "web_url": f"{job.project_url}/-/pipelines/{job.id * 10}",
        },
        "web_url": f"{job.project_url}/-/jobs/{job.id}",
        "project": {"ci_job_token_scope_enabled": False},
        "artifacts": [],
        "runner": None,
    }


def branch_json(name: str, protected: bool) -> dict[str, Any]:
    """``lib/api/entities/branch.rb``."""
    return {
        "name": name,
        "commit": _commit_json("0" * 40),
        "merged": False,
        "protected": protected,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": not protected,
        "default": name == "main",
    }


def tag_json(name: str, protected: bool) -> dict[str, Any]:
    """``lib/api/entities/tag.rb``."""
    return {
        "name": name,
        "message": "",
        "target": "0" * 40,
        "commit": _commit_json("0" * 40),
        "release": None,
        "protected": protected,
    }


def search_names(names: Iterable[str], term: str) -> list[str]:
    """``app/finders/git_refs_finder.rb``: any case, anywhere in the name, the exact match first.

    With ``^``, ``$`` or ``*`` in it the term is a pattern, and nothing is put first.
    """
    pattern = re.escape(term)
    operators = {r"\^": "^", r"\*": ".*?", r"\$": "$"}
    if any(operator in pattern for operator in operators):
        for escaped, operator in operators.items():
            pattern = pattern.replace(escaped, operator)
        return [name for name in sorted(names) if re.search(pattern, name, re.IGNORECASE)]
    found = [name for name in sorted(names) if re.search(pattern, name, re.IGNORECASE)]
    return sorted(found, key=lambda name: name.lower() != term.lower())


def _commit_json(sha: str) -> dict[str, Any]:
    return {"id": sha, "short_id": sha[:8], "title": "Change something", "message": "Change something\n"}
