"""The simulated GitLab answers as GitLab does."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from dag_gateway.simulator.gitlab import Fault, SimulatedGitlab, simulated_gitlab
from dag_gateway.simulator.gitlab_entities import SimulatedJob

# One server for all tests of the module: to stop one takes uvicorn a tenth of a second.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[SimulatedGitlab]:
    async with simulated_gitlab() as gitlab:
        yield gitlab


@pytest.fixture
def gitlab(server: SimulatedGitlab) -> SimulatedGitlab:
    server.projects.clear()
    server.jobs.clear()
    server.fault = None
    server.add_project("shop/web", branches={"main": True, "dev": False, "domain": False}, tags={"v1": True})
    return server


async def ask(job: SimulatedJob, gitlab: SimulatedGitlab, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=gitlab.url, trust_env=False) as client:
        return await client.get(path, headers={"JOB-TOKEN": job.token})


async def test_a_running_job_is_told_who_it_is(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main", user="ada", sha="a" * 40)
    answer = await ask(job, gitlab, "/api/v4/job")
    told = answer.json()
    assert answer.status_code == 200
    assert (told["id"], told["status"], told["ref"], told["tag"]) == (job.id, "running", "main", False)
    assert told["web_url"] == f"{gitlab.url}/shop/web/-/jobs/{job.id}"
    assert told["user"]["username"] == "ada"
    assert told["commit"]["id"] == told["pipeline"]["sha"] == "a" * 40
    assert told["pipeline"]["project_id"] == 1
    assert told["pipeline"]["source"] == "push"


async def test_a_token_is_also_taken_as_bearer(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{gitlab.url}/api/v4/job", headers={"Authorization": f"Bearer {job.token}"})
    assert answer.json()["id"] == job.id


@pytest.mark.parametrize(("status", "code"), [("running", 200), ("canceling", 200), ("success", 401), ("failed", 401)])
async def test_a_token_is_valid_while_its_job_executes(gitlab: SimulatedGitlab, status: str, code: int) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    job.status = status
    assert (await ask(job, gitlab, "/api/v4/job")).status_code == code


async def test_a_wrong_token_is_refused(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    job.token, wrong = "glcbt-64_right", job
    gitlab.jobs.remove(job)
    answer = await ask(wrong, gitlab, "/api/v4/job")
    assert (answer.status_code, answer.json()) == (401, {"message": "401 Unauthorized"})


async def test_a_job_lists_the_branches_and_tags_of_its_project(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    branches = (await ask(job, gitlab, "/api/v4/projects/1/repository/branches")).json()
    tags = (await ask(job, gitlab, "/api/v4/projects/1/repository/tags")).json()
    assert [(branch["name"], branch["protected"]) for branch in branches] == [
        ("dev", False),
        ("domain", False),
        ("main", True),
    ]
    assert [(tag["name"], tag["protected"]) for tag in tags] == [("v1", True)]


async def test_lists_come_in_pages(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    page = (await ask(job, gitlab, "/api/v4/projects/1/repository/branches?per_page=2&page=2")).json()
    assert [branch["name"] for branch in page] == ["main"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v4/projects/2/repository/branches",
        "/api/v4/projects/1/repository/branches/main",
        "/api/v4/projects/1/repository/tags/v1",
    ],
)
async def test_another_project_and_single_refs_are_not_for_job_tokens(gitlab: SimulatedGitlab, path: str) -> None:
    gitlab.add_project("shop/other", branches={"main": True})
    job = gitlab.add_job("shop/web", ref="main")
    answer = await ask(job, gitlab, path)
    assert (answer.status_code, answer.json()) == (404, {"message": "404 Project Not Found"})


@pytest.mark.parametrize(
    ("fault", "status", "media_type"),
    [
        (Fault.ERROR, 500, "application/json"),
        (Fault.BUSY, 429, "application/json"),
        (Fault.GARBAGE, 200, "text/html; charset=utf-8"),
    ],
)
async def test_a_fault_shows_in_every_answer_until_it_is_mended(
    gitlab: SimulatedGitlab, fault: Fault, status: int, media_type: str
) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    gitlab.fault = fault
    broken = await ask(job, gitlab, "/api/v4/job")
    gitlab.fault = None
    mended = await ask(job, gitlab, "/api/v4/job")
    assert (broken.status_code, broken.headers["Content-Type"], mended.status_code) == (status, media_type, 200)


async def test_a_hanging_gitlab_does_not_answer_and_can_still_be_closed(gitlab: SimulatedGitlab) -> None:
    gitlab.fault = Fault.HANG
    async with httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(60, read=0.05)) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{gitlab.url}/api/v4/job")
