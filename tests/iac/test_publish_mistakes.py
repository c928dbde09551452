"""Publishing where the config, the path or the caller is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Change, Edit, Folder, Iac
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.git_cli import git, rival_commit
from tests.fakes.git_http import GitServer
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


def commits(bare: Path, branch: str = "main") -> list[str]:
    """Newest first."""
    return git(bare, "rev-list", branch).split()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("../outside", r"refused because of its part '\.\.'"),
        ("README.md/web", "'README.md' in the repository is a file; a path leads through folders only"),
    ],
)
async def test_a_bad_path_ends_the_deployment(local: Iac, clock: SkippingClock, path: str, text: str) -> None:
    with pytest.raises(StepFailed, match=text) as e:
        await local.publish("iac", None, deploy("d-1", path), deadline=clock.within(60))
    assert e.value.reason is Reason.CONFIG_ERROR


@pytest.mark.parametrize("over_http", [False, True])
async def test_a_head_that_names_no_branch_ends_the_deployment_at_once(
    bare: Path, server: GitServer, clock: SkippingClock, tmp_path: Path, over_http: bool
) -> None:
    git(bare, "update-ref", "--no-deref", "HEAD", "main")
    git(bare, "branch", "--move", "main", "trunk")
    settings = server.settings() if over_http else RepositorySettings(url=str(bare))
    text = "the HEAD of the IaC repository 'iac' names no branch: name the one to push to with branch"
    async with Iac({"iac": settings}, tmp_path / "data", clock) as iac:
        with pytest.raises(StepFailed, match=text) as e:
            await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
        published = await iac.publish("iac", "trunk", deploy("d-2"), deadline=clock.within(60))
    assert e.value.reason is Reason.CONFIG_ERROR
    assert clock.slept == []
    assert commits(bare, "trunk")[0] == published.commit


async def test_an_error_in_build_reaches_the_caller_and_the_next_change_is_served(
    local: Iac, bare: Path, clock: SkippingClock
) -> None:
    def build(_: Folder | None) -> Edit:
        raise StepFailed(Reason.SUPERSEDED, "something newer is there")

    with pytest.raises(StepFailed, match="something newer is there"):
        await local.publish("iac", None, Change("d-1", "x", build), deadline=clock.within(60))
    await local.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert len(commits(bare)) == 2


async def test_a_mistake_that_was_mended_in_the_repository_is_not_held_against_the_next(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    with pytest.raises(StepFailed, match=r"'README.md' in the repository is a file"):
        await local.publish("iac", None, deploy("d-1", "README.md/web"), deadline=clock.within(60))
    git(tmp_path, "clone", "--quiet", str(bare), "rival")
    (tmp_path / "rival" / "README.md").unlink()
    mended = rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    published = await local.publish("iac", None, deploy("d-2", "README.md/web"), deadline=clock.within(60))
    assert commits(bare)[:2] == [published.commit, mended]


def test_an_edit_without_files_is_refused() -> None:
    with pytest.raises(ValueError, match="an edit has at least one file: git keeps no empty folder"):
        Edit({}, "nothing\n")


def _no_repository(path: Path) -> None:
    path.mkdir()


def _nothing(path: Path) -> None:
    assert not path.exists()


def _worktree(path: Path) -> None:
    git(path.parent, "init", "--quiet", str(path))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (_no_repository, "the IaC repository 'iac' was not found at its url"),
        (_nothing, "the IaC repository 'iac' was not found at its url"),
        (_worktree, "the IaC repository 'iac' has a worktree; use a bare repository"),
    ],
)
async def test_what_is_no_bare_repository_is_a_mistake_in_the_config(
    tmp_path: Path, clock: SkippingClock, make: Callable[[Path], None], text: str
) -> None:
    path = tmp_path / "remote"
    make(path)
    async with Iac({"iac": RepositorySettings(url=str(path))}, tmp_path / "data", clock) as iac:
        with pytest.raises(StepFailed, match=text) as e:
            await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert e.value.reason is Reason.CONFIG_ERROR
    assert str(tmp_path) not in e.value.message


async def test_a_repository_that_left_the_config_is_named(local: Iac, clock: SkippingClock) -> None:
    with pytest.raises(StepFailed, match="the config has no IaC repository 'gone': add it to repositories") as e:
        await local.publish("gone", None, deploy("d-1"), deadline=clock.within(60))
    assert e.value.reason is Reason.CONFIG_ERROR


async def test_a_change_whose_deadline_has_passed_is_not_pushed(local: Iac, bare: Path, clock: SkippingClock) -> None:
    before = commits(bare)
    with pytest.raises(StepFailed, match="the deadline passed while earlier changes went to the IaC repository") as e:
        await local.publish("iac", None, deploy("d-1"), deadline=clock.within(0))
    assert e.value.reason is Reason.TIMEOUT
    assert commits(bare) == before
