"""From a request to a proven job, against a GitLab over real HTTP."""

from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from typing import Any

import pytest
import pytest_asyncio

from dag_gateway.errors import Invalid, Unverified
from dag_gateway.forges.answer import ForgeUnavailable
from dag_gateway.forges.environments import AmbiguousEnvironment, EnvironmentNotFound
from dag_gateway.forges.verify import AppNotFound, RefNotProtected, Verified
from dag_gateway.model.identity import RefKind, UnverifiedJob
from dag_gateway.simulator.gitlab import Fault, SimulatedGitlab, simulated_gitlab
from dag_gateway.simulator.gitlab_entities import SimulatedJob
from tests.fakes.forge_config import one_app_config
from tests.fakes.pins import a_verifier

Environments = Mapping[str, Mapping[str, Any]]
MAIN: Environments = {"production": {"branch": "main"}}


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
    server.add_project("shop/web", branches={"main": True, "dev": False, "release/1": True}, tags={"v1": True})
    return server


async def verified(
    gitlab: SimulatedGitlab,
    job: SimulatedJob,
    environments: Environments = MAIN,
    *,
    environment: str | None = None,
    repo_url: str | None = None,
    timeout: str = "60s",
    token: str | None = None,
    project_id: str | None = None,
) -> Verified:
    """``job`` asks for ``environment`` of the app at ``shop/web``."""
    forge = {"kind": "gitlab", "url": gitlab.url, "timeout": timeout}
    app_url = f"{gitlab.url}/shop/web"
    config = one_app_config(forge, repo_url=app_url, environments=environments, project_id=project_id)
    async with a_verifier(config) as verifier:
        request = UnverifiedJob(repo_url or job.project_url, str(job.id), token or job.token)
        return await verifier.verify(request, environment)


async def test_a_job_on_a_protected_branch_is_proven(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main", user="ada", sha="a" * 40)
    answer = await verified(gitlab, job)
    assert (answer.app, answer.environment) == ("web", "production")
    assert answer.settings.path == "clusters/production/web"
    assert (answer.identity.ref, answer.identity.ref_kind) == ("main", RefKind.BRANCH)
    assert (answer.identity.protected, answer.identity.actor, answer.identity.commit) == (True, "ada", "a" * 40)


@pytest.mark.parametrize("spelling", ["{}/shop/web", "{}/shop/web.git", "{}/shop/web/", " {}/shop/web.git/"])
async def test_the_spelling_of_the_repository_does_not_matter(gitlab: SimulatedGitlab, spelling: str) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    assert (await verified(gitlab, job, repo_url=spelling.format(gitlab.url))).app == "web"


async def test_a_branch_with_a_slash_is_looked_up_too(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="release/1")
    assert (await verified(gitlab, job, {"releases": {"branch": "release/*"}})).identity.protected is True


async def test_a_protected_tag_is_proven(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="v1", tag=True)
    answer = await verified(gitlab, job, {"releases": {"tag": "v*"}})
    assert (answer.identity.ref_kind, answer.identity.protected) == (RefKind.TAG, True)


async def test_a_renamed_project_is_known_by_its_id(gitlab: SimulatedGitlab) -> None:
    number = gitlab.add_project("shop/front", branches={"main": True})
    job = gitlab.add_job("shop/front", ref="main")
    old_url = f"{gitlab.url}/shop/web"
    answer = await verified(gitlab, job, repo_url=old_url, project_id=str(number))
    assert answer.identity.project == str(number)
    with pytest.raises(Unverified, match=r"shop/front, not in http.*/shop/web; if the project was renamed, the app"):
        await verified(gitlab, job, repo_url=old_url)


async def test_a_job_of_another_project_is_refused(gitlab: SimulatedGitlab) -> None:
    gitlab.add_project("mallory/web", branches={"main": True})
    job = gitlab.add_job("mallory/web", ref="main")
    with pytest.raises(Unverified, match=r"^the job runs in http.*/mallory/web, not in http.*/shop/web; if the"):
        await verified(gitlab, job, repo_url=f"{gitlab.url}/shop/web")


async def test_a_job_of_a_merge_request_is_refused(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main", source="merge_request_event")
    with pytest.raises(Unverified, match=r"^job 1001 runs for merge_request_event; only"):
        await verified(gitlab, job)


@pytest.mark.parametrize(
    ("status", "rule"), [("canceling", "is canceling; only a running job"), ("success", "no longer")]
)
async def test_a_job_that_no_longer_runs_is_refused(gitlab: SimulatedGitlab, status: str, rule: str) -> None:
    job = gitlab.add_job("shop/web", ref="main", status=status)
    with pytest.raises(Unverified, match=rule):
        await verified(gitlab, job)


async def test_a_wrong_token_is_refused_and_never_repeated(
    gitlab: SimulatedGitlab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    job = gitlab.add_job("shop/web", ref="main")
    with pytest.raises(Unverified, match=r"^forge 'forge' does not accept jobToken") as failure:
        await verified(gitlab, job, token="glcbt-64_stolen")
    assert "stolen" not in caplog.text + repr(failure.value) + repr(failure.value.details)


async def test_the_token_of_another_job_is_refused(gitlab: SimulatedGitlab) -> None:
    job, other = gitlab.add_job("shop/web", ref="main"), gitlab.add_job("shop/web", ref="main")
    with pytest.raises(Unverified, match=r"^jobId '1001' is not the job that jobToken belongs to$"):
        await verified(gitlab, job, token=other.token)


async def test_a_malformed_job_is_refused_before_anybody_is_asked(gitlab: SimulatedGitlab) -> None:
    gitlab.fault = Fault.ERROR
    job = gitlab.add_job("shop/web", ref="main")
    with pytest.raises(Invalid, match=r"^jobToken must be 1 to 8192 visible ASCII characters$"):
        await verified(gitlab, job, token="two\nlines")


@pytest.mark.parametrize("url", ["ftp://ada:secret@host/x", "shop/web", "https://", "https://[::1/x", "https://h:x/y"])
async def test_a_malformed_repository_is_refused_and_not_repeated(gitlab: SimulatedGitlab, url: str) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    rule = "^repoUrl is not a repository URL such as https://gitlab.example.com/group/project$"
    with pytest.raises(Invalid, match=rule) as failure:
        await verified(gitlab, job, repo_url=url)
    assert failure.value.__cause__ is None


async def test_an_unknown_repository_is_named_without_its_credentials(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    rule = "^no app is configured for the repository 'https://h.example.com/a/b'$"
    with pytest.raises(AppNotFound, match=rule) as failure:
        await verified(gitlab, job, repo_url="https://ada:secret@H.example.com/a/b.git")
    assert failure.value.code == "app_not_found"


async def test_a_branch_without_an_environment_is_refused(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="dev")
    with pytest.raises(EnvironmentNotFound, match=r"^app 'web' has no environment for branch 'dev'$"):
        await verified(gitlab, job)


async def test_the_request_names_one_of_several_environments(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    several = {"blue": {"branch": "main"}, "green": {"branch": "main"}}
    assert (await verified(gitlab, job, several, environment="green")).environment == "green"
    with pytest.raises(AmbiguousEnvironment, match=r"blue, green$"):
        await verified(gitlab, job, several)


async def test_an_environment_is_told_only_to_proven_jobs(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main", status="failed")
    with pytest.raises(Unverified, match=r"no longer running"):
        await verified(gitlab, job, environment="guess")


@pytest.mark.parametrize("protected", [None, True])
@pytest.mark.parametrize("ref", ["dev", "deleted"])
async def test_an_unprotected_branch_is_refused(gitlab: SimulatedGitlab, ref: str, protected: bool | None) -> None:
    job = gitlab.add_job("shop/web", ref=ref)
    rule = (
        f"^branch '{ref}' is not protected at forge 'forge', and environment 'any' takes protected refs only; "
        "protect it there, or set protected: false$"
    )
    with pytest.raises(RefNotProtected, match=rule) as failure:
        await verified(gitlab, job, {"any": {"branch": "*", "protected": protected}})
    assert failure.value.code == "ref_not_protected"
    assert isinstance(failure.value, Unverified)


async def test_an_environment_may_take_unprotected_branches(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="dev")
    answer = await verified(gitlab, job, {"any": {"branch": "*", "protected": False}})
    assert answer.identity.protected is None


async def test_a_protected_branch_does_not_protect_a_tag_of_its_name(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main", tag=True)
    with pytest.raises(RefNotProtected, match=r"^tag 'main' is not protected"):
        await verified(gitlab, job, {"any": {"tag": "*"}})


@pytest.mark.parametrize(
    ("fault", "problem", "retry_after"),
    [
        (Fault.ERROR, "^forge 'forge' answered 500 instead of 200$", 5),
        (Fault.BUSY, "^forge 'forge' answered 429: too many requests$", 30),
        (Fault.GARBAGE, "^forge 'forge' sent an unreadable answer: Invalid JSON", 5),
    ],
)
async def test_a_gitlab_that_is_down_decides_nothing(
    gitlab: SimulatedGitlab, fault: Fault, problem: str, retry_after: float
) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    gitlab.fault = fault
    with pytest.raises(ForgeUnavailable, match=problem) as failure:
        await verified(gitlab, job)
    assert (failure.value.code, failure.value.retry_after) == ("forge_unavailable", retry_after)


async def test_a_gitlab_that_hangs_is_not_waited_for(gitlab: SimulatedGitlab) -> None:
    job = gitlab.add_job("shop/web", ref="main")
    gitlab.fault = Fault.HANG
    with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' did not answer within 0.05 s$"):
        await verified(gitlab, job, timeout="50ms")


def static_forge(token: str) -> dict[str, Any]:
    entry = {"sha256": sha256(token.encode()).hexdigest(), "repo_url": "https://git.example.com/a/b", "branch": "main"}
    return {"kind": "static", "tokens": [entry]}


async def statically_verified(protected: bool | None) -> Verified:
    environments = {"production": {"branch": "main", "protected": protected}}
    config = one_app_config(static_forge("token"), repo_url="https://git.example.com/a/b", environments=environments)
    async with a_verifier(config) as verifier:
        return await verifier.verify(UnverifiedJob("https://git.example.com/a/b", "1", "token"), None)


@pytest.mark.parametrize("protected", [None, False])
async def test_where_the_forge_can_not_tell_a_branch_need_not_be_protected(protected: bool | None) -> None:
    answer = await statically_verified(protected)
    assert (answer.environment, answer.identity.ref, answer.identity.protected) == ("production", "main", None)


async def test_where_the_forge_can_not_tell_protected_true_refuses() -> None:
    rule = (
        "^environment 'production' has protected: true, but forge 'forge' can not tell whether branch 'main' is "
        "protected; set protected: false or leave it out$"
    )
    with pytest.raises(RefNotProtected, match=rule):
        await statically_verified(True)
