"""Which project an app is: the configured one, or the one that its first job ran in."""

import pytest

from dag_gateway.config import AppSettings
from dag_gateway.errors import Unverified
from dag_gateway.forges.projects import ProjectChanged, bind_project
from dag_gateway.forges.proof import Proof
from dag_gateway.model.identity import JobIdentity, RefKind, SourceProject
from tests.fakes.forge_config import one_app_config
from tests.fakes.pins import PinsInMemory

URL = "https://gitlab.example.com/shop/web"
SOURCE = SourceProject("web", "forge", URL)


def app(project_id: str | None = None, repo_url: str = URL) -> AppSettings:
    forge = {"kind": "gitlab", "url": "https://gitlab.example.com"}
    environments = {"production": {"branch": "main"}}
    config = one_app_config(forge, repo_url=repo_url, project_id=project_id, environments=environments)
    return config.apps["web"]


def proof(project_id: str | None = "12", repo_url: str = URL) -> Proof:
    identity = JobIdentity("forge", project_id or "shop/web", "main", RefKind.BRANCH, "7")
    return Proof(identity, repo_url, project_id)


@pytest.fixture
def pins() -> PinsInMemory:
    return PinsInMemory()


async def test_the_first_job_at_the_configured_url_tells_the_project(pins: PinsInMemory) -> None:
    await bind_project("web", app(), proof(), pins)
    assert pins.pinned == {SOURCE: "12"}


async def test_a_renamed_project_is_still_the_same(pins: PinsInMemory) -> None:
    await bind_project("web", app(), proof(), pins)
    await bind_project("web", app(), proof(repo_url="https://gitlab.example.com/store/front"), pins)


@pytest.mark.parametrize(
    "repo_url",
    [
        "https://gitlab.example.com/mallory/web",
        "https://gitlab.example.com/shop/web-2",
        "https://gitlab.example.com/Shop/web",
        "https://other.example.com/shop/web",
        "http://gitlab.example.com/shop/web",
        "https://gitlab.example.com:444/shop/web",
    ],
)
async def test_before_the_first_job_the_address_must_be_that_of_the_app(pins: PinsInMemory, repo_url: str) -> None:
    rule = f"^the job runs in {repo_url}, not in {URL}; if the project was renamed, the app needs its new repo_url or"
    with pytest.raises(Unverified, match=rule) as refusal:
        await bind_project("web", app(), proof(repo_url=repo_url), pins)
    assert refusal.value.code == "unverified"
    assert pins.pinned == {}


async def test_an_address_that_can_not_be_read_proves_nothing(pins: PinsInMemory) -> None:
    with pytest.raises(Unverified, match=r"^the job runs in a project without a known address, not in https://gitlab"):
        await bind_project("web", app(), proof(repo_url=""), pins)


async def test_another_project_at_the_same_address_is_refused_until_somebody_accepts_it(pins: PinsInMemory) -> None:
    await bind_project("web", app(), proof(), pins)
    rule = (
        "^app 'web' is project 12 of forge 'forge' since its first job, but this one runs in project 13 "
        rf"\({URL}\); if that is right, set its project_id to 13$"
    )
    with pytest.raises(ProjectChanged, match=rule) as refusal:
        await bind_project("web", app(), proof("13"), pins)
    assert refusal.value.code == "project_changed"
    await bind_project("web", app("13"), proof("13"), pins)
    await bind_project("web", app(), proof("13"), pins)
    assert pins.pinned == {SOURCE: "13"}


async def test_two_first_jobs_of_different_projects_do_not_both_count(pins: PinsInMemory) -> None:
    class Late(PinsInMemory):
        """Somebody else pins between question and answer."""

        async def find(self, source: SourceProject) -> str | None:
            found = await super().find(source)
            self.pinned.setdefault(source, "99")
            return found

    with pytest.raises(
        ProjectChanged, match=r"^app 'web' is project 99 of forge 'forge' since its first job, but this"
    ):
        await bind_project("web", app(), proof(), Late())


async def test_with_a_project_id_the_address_does_not_matter(pins: PinsInMemory) -> None:
    await bind_project("web", app("12"), proof(repo_url="https://gitlab.example.com/store/front"), pins)
    await bind_project("web", app("12", "ssh://git@gitlab.example.com/shop/web"), proof(), pins)


async def test_with_a_project_id_another_project_is_refused(pins: PinsInMemory) -> None:
    rule = rf"^the job runs in project 12 of forge 'forge' \({URL}\), not in project 13, which {URL} is$"
    with pytest.raises(Unverified, match=rule):
        await bind_project("web", app("13"), proof(), pins)
    assert pins.pinned == {}


async def test_a_forge_without_ids_is_bound_by_the_address(pins: PinsInMemory) -> None:
    await bind_project("web", app(), proof(None), pins)
    assert pins.pinned == {}
    with pytest.raises(Unverified, match=r"^the job runs in https://gitlab.example.com/a/b, not in"):
        await bind_project("web", app(), proof(None, "https://gitlab.example.com/a/b"), pins)


async def test_a_forge_that_no_longer_tells_ids_can_not_be_believed(pins: PinsInMemory) -> None:
    await bind_project("web", app(), proof(), pins)
    with pytest.raises(ProjectChanged, match=r"since its first job, and the forge no longer tells the ids of its proj"):
        await bind_project("web", app(), proof(None), pins)
    with pytest.raises(Unverified, match=r"^forge 'forge' does not tell the ids of its projects; the app needs to be"):
        await bind_project("web", app("12"), proof(None), pins)


async def test_an_app_that_moved_to_another_url_starts_anew(pins: PinsInMemory) -> None:
    await bind_project("web", app(), proof(), pins)
    moved = "https://gitlab.example.com/shop/front"
    with pytest.raises(Unverified, match=r"not in https://gitlab.example.com/shop/front; if the project was renamed"):
        await bind_project("web", app(repo_url=moved), proof(), pins)
    await bind_project("web", app(repo_url=moved), proof("20", moved), pins)
