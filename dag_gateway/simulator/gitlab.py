"""A small GitLab over real HTTP, for the questions that a CI job token may ask."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dag_gateway.clock import SystemClock
from dag_gateway.model.timestamps import rfc3339

from .gitlab_entities import SimulatedJob, SimulatedProject, branch_json, job_json, search_names, tag_json
from .server import serving

_EXECUTING = ("running", "canceling")
"""While a job is in one of these, its token is accepted (GitLab's ``app/models/concerns/ci/has_status.rb``)."""


class Fault(Enum):
    """What a simulated GitLab does wrong."""

    ERROR = "it answers 500"
    BUSY = "it answers 429 and when to come again"
    GARBAGE = "it answers 200 with a page of HTML"
    HANG = "it does not answer"


class SimulatedGitlab:
    """``url`` has no trailing slash; ``projects`` is by path; ``fault`` makes it misbehave until it is None again."""

    def __init__(self) -> None:
        self.url = ""
        self.fault: Fault | None = None
        self.projects: dict[str, SimulatedProject] = {}
        self.jobs: list[SimulatedJob] = []
        self.closing = asyncio.Event()

    def add_project(self, path: str, *, branches: Mapping[str, bool], tags: Mapping[str, bool] | None = None) -> int:
        """The id of a new private project; ``path`` is like ``group/project``, the values say what is protected."""
        project = SimulatedProject(1 + len(self.projects), path, dict(branches), dict(tags or {}))
        self.projects[path] = project
        return project.id

    def add_job(
        self,
        project: str,
        *,
        ref: str,
        tag: bool = False,
        status: str = "running",
        source: str = "push",
        user: str = "developer",
        sha: str | None = None,
    ) -> SimulatedJob:
        """A new job of the project with this path; ``sha`` None is some commit."""
        job = SimulatedJob(
            id=1001 + len(self.jobs),
            token=f"glcbt-64_{secrets.token_urlsafe(15)}",
            project_url=f"{self.url}/{project}",
            project=self.projects[project],
            ref=ref,
            tag=tag,
            status=status,
            source=source,
            user=user,
            sha=sha or secrets.token_hex(20),
            started_at=rfc3339(SystemClock().now()),
        )
        self.jobs.append(job)
        return job

    def job_of(self, request: Request) -> SimulatedJob | None:
        """The job whose valid token the request carries in a header."""
        token = request.headers.get("JOB-TOKEN") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        return next((job for job in self.jobs if job.token == token and job.status in _EXECUTING), None)


@asynccontextmanager
async def simulated_gitlab(*, port: int = 0) -> AsyncIterator[SimulatedGitlab]:
    """Serve an empty GitLab on loopback for as long as the block runs; port 0 takes any free port."""
    gitlab = SimulatedGitlab()
    async with serving(_app(gitlab), port) as url:
        gitlab.url = url
        try:
            yield gitlab
        finally:
            gitlab.closing.set()


_Answer = Callable[[SimulatedJob, Request], Response]


def _app(gitlab: SimulatedGitlab) -> Starlette:
    def route(path: str, answer: _Answer) -> Route:
        return Route(path, _endpoint(gitlab, answer))

    return Starlette(
        routes=[
            route("/api/v4/job", _current_job),
            route("/api/v4/projects/{id:int}/repository/branches", _branches),
            route("/api/v4/projects/{id:int}/repository/tags", _tags),
            route("/{anything:path}", _not_for_job_tokens),
        ]
    )


def _endpoint(gitlab: SimulatedGitlab, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if gitlab.fault is not None:
            return await _misbehave(gitlab, gitlab.fault)
        job = gitlab.job_of(request)
        return answer(job, request) if job else _error(401, "Unauthorized")

    return endpoint


async def _misbehave(gitlab: SimulatedGitlab, fault: Fault) -> Response:
    if fault is Fault.GARBAGE:
        return HTMLResponse("<!DOCTYPE html><title>GitLab is not responding</title>")
    if fault is Fault.BUSY:
        return JSONResponse({"message": {"error": "Too many requests"}}, 429, {"Retry-After": "30"})
    if fault is Fault.HANG:
        await gitlab.closing.wait()
    return _error(500, "Internal Server Error")


def _current_job(job: SimulatedJob, request: Request) -> Response:
    return JSONResponse(job_json(job))


def _branches(job: SimulatedJob, request: Request) -> Response:
    return _list(job, request, job.project.branches, branch_json)


def _tags(job: SimulatedJob, request: Request) -> Response:
    return _list(job, request, job.project.tags, tag_json)


def _not_for_job_tokens(job: SimulatedJob, request: Request) -> Response:
    """Elsewhere, as for a single branch or tag, the token is ignored, and strangers do not see a private project."""
    return _error(404, "Project Not Found")


def _list(
    job: SimulatedJob, request: Request, refs: Mapping[str, bool], entity: Callable[[str, bool], dict[str, Any]]
) -> Response:
    """One page, 20 long by default and 100 at most (GitLab's ``doc/api/rest/_index.md``)."""
    if request.path_params["id"] != job.project.id:
        return _error(404, "Project Not Found")
    names = search_names(refs, request.query_params.get("search", ""))
    size = min(int(request.query_params.get("per_page", "20")), 100)
    start = (int(request.query_params.get("page", "1")) - 1) * size
    return JSONResponse([entity(name, refs[name]) for name in names[start : start + size]])


def _error(status: int, phrase: str) -> Response:
    return JSONResponse({"message": f"{status} {phrase}"}, status)
