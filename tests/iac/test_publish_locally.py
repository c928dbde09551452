"""Publishing to a bare repository on this machine."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Change, Edit, Folder, Iac
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.git_cli import git, rival_commit
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


def commits(bare: Path, branch: str = "main") -> list[str]:
    """Newest first."""
    return git(bare, "rev-list", branch).split()


async def test_a_deployment_is_one_commit_with_its_files_and_trailers(
    local: Iac, bare: Path, clock: SkippingClock
) -> None:
    before = commits(bare)
    published = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert commits(bare) == [published.commit, *before]
    assert published.changed
    assert git(bare, "ls-tree", "-r", "--name-only", "main").split() == [
        "README.md",
        "clusters/test/other/Chart.yaml",
        "clusters/test/web/Chart.yaml",
        "clusters/test/web/values.yaml",
    ]
    assert git(bare, "log", "-1", "--format=%an <%ae>|%s|%(trailers:key=Deployment-Id,valueonly,separator=%x2C)") == (
        "DAG Gateway <dag-gateway@localhost>|[web] deploy 1.0.0|d-1"
    )
    assert published.folder.commit == published.commit
    assert published.folder.tree == git(bare, "rev-parse", "main:clusters/test/web")
    assert git(bare, "fsck", "--strict") == ""


async def test_files_that_left_the_chart_leave_the_repository(local: Iac, bare: Path, clock: SkippingClock) -> None:
    for number, files in enumerate(({"a": b"1", "old/b": b"2"}, {"a": b"1", "new": b"3"})):
        await local.publish("iac", None, deploy(f"d-{number}", files=files), deadline=clock.within(60))
    assert git(bare, "ls-tree", "-r", "--name-only", "main:clusters/test/web").split() == ["a", "new"]


async def test_the_change_is_built_on_what_is_there(local: Iac, clock: SkippingClock) -> None:
    seen: list[Folder | None] = []

    def build(current: Folder | None) -> Edit:
        seen.append(current)
        return Edit({"count": b"%d" % len(seen)}, "count\n")

    for number in range(2):
        await local.publish("iac", None, Change(f"d-{number}", "x", build), deadline=clock.within(60))
    assert seen[0] is None
    assert seen[1] is not None
    assert seen[1].files == {"count": b"1"}


async def test_the_same_content_is_no_commit_and_names_the_one_that_brought_it(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    files = {"Chart.yaml": b"name: web\n"}
    first = await local.publish("iac", None, deploy("d-1", files=files), deadline=clock.within(60))
    rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    before = commits(bare)
    again = await local.publish("iac", None, deploy("d-2", files=files), deadline=clock.within(60))
    assert (again.changed, again.commit, again.folder.files) == (False, first.commit, files)
    assert commits(bare) == before


async def test_content_that_is_only_in_the_cache_is_not_taken_for_published(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    files = {"Chart.yaml": b"name: web\n"}
    await local.publish("iac", None, deploy("d-1", files=files), deadline=clock.within(60))
    rival = rival_commit(bare, tmp_path / "rival", {"clusters/test/web/Chart.yaml": "name: changed by hand\n"})
    again = await local.publish("iac", None, deploy("d-2", files=files), deadline=clock.within(60))
    assert again.changed
    assert commits(bare)[:2] == [again.commit, rival]


async def test_content_of_somebody_else_is_followed_where_it_came_from(
    local: Iac, bare: Path, clock: SkippingClock
) -> None:
    before = commits(bare)
    same = deploy("d-1", "clusters/test/other", {"Chart.yaml": b"name: other\n"})
    published = await local.publish("iac", None, same, deadline=clock.within(60))
    assert (published.changed, published.commit, commits(bare)) == (False, before[-1], before)


@pytest.mark.parametrize("mode", ["120000", "100755"])
async def test_files_that_are_no_plain_files_are_replaced(
    local: Iac, bare: Path, clock: SkippingClock, mode: str
) -> None:
    blob = git(bare, "rev-parse", "main:clusters/test/other/Chart.yaml")
    odd = git(bare, "commit-tree", "-m", "odd", "-p", "main", odd_tree(bare, f"{mode} blob {blob}\tChart.yaml"))
    git(bare, "update-ref", "refs/heads/main", odd)
    assert not (await local.read("iac", None, "x")).plain
    same = deploy("d-1", "x", {"Chart.yaml": b"name: other\n"})
    assert (await local.publish("iac", None, same, deadline=clock.within(60))).changed
    assert (await local.read("iac", None, "x")).plain


def odd_tree(bare: Path, entry: str) -> str:
    """A root with the folder ``x``, and ``entry`` in it as ``git ls-tree`` writes it."""

    def made(text: str) -> str:
        command = ["git", "mktree"]
        return subprocess.run(
            command, cwd=bare, input=text + "\n", capture_output=True, text=True, check=True
        ).stdout.strip()

    return made(f"040000 tree {made(entry)}\tx")


async def test_a_deployment_that_was_pushed_is_found_again_after_a_restart(
    bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    published = []
    for process in range(2):
        async with Iac({"iac": RepositorySettings(url=str(bare))}, tmp_path / f"data-{process}", clock) as iac:
            published.append(await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60)))
            rival_commit(bare, tmp_path / "rival", {"elsewhere": f"{process}"})
    assert published[0] == published[1]
    assert git(bare, "log", "--format=%s", "--grep=Deployment-Id: d-1") == "[web] deploy 1.0.0"


async def test_a_lost_race_is_run_again_on_the_new_tip(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    rival = rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    published = await local.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert commits(bare)[:2] == [published.commit, rival]
    assert len(clock.slept) == 1
    assert git(bare, "show", "main:elsewhere") == "1"


async def test_whoever_loses_every_race_ends_at_the_deadline(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    rivals = iter(range(100))

    def build(_: Folder | None) -> Edit:
        rival_commit(bare, tmp_path / "rival", {"elsewhere": f"{next(rivals)}"})
        return Edit({"a": b"1"}, "always too late\n")

    with pytest.raises(
        StepFailed, match=r"others kept moving the branch in the IaC repository 'iac' \(refs/heads/main moved\)"
    ) as e:
        await local.publish("iac", None, Change("d-1", "x", build), deadline=clock.within(5))
    assert e.value.reason is Reason.TIMEOUT


async def test_twenty_at_once_are_twenty_linear_commits_in_the_order_of_the_calls(
    local: Iac, bare: Path, clock: SkippingClock
) -> None:
    before = len(commits(bare))
    changes = [deploy(f"d-{number}", f"clusters/test/web-{number}") for number in range(20)]
    published = await asyncio.gather(
        *(local.publish("iac", None, change, deadline=clock.within(60)) for change in changes)
    )
    assert [one.commit for one in reversed(published)] == commits(bare)[:20]
    assert git(bare, "rev-list", "--min-parents=2", "main") == ""
    assert len(commits(bare)) == before + 20
    assert git(bare, "fsck", "--strict") == ""


async def test_two_gateways_on_one_branch_lose_nothing(bare: Path, clock: SkippingClock, tmp_path: Path) -> None:
    settings = {"iac": RepositorySettings(url=str(bare))}
    async with Iac(settings, tmp_path / "one", clock) as one, Iac(settings, tmp_path / "two", clock) as two:
        await asyncio.gather(
            *(
                iac.publish("iac", None, deploy(f"d-{name}-{number}", f"x/{name}-{number}"), deadline=clock.within(600))
                for number in range(5)
                for name, iac in (("one", one), ("two", two))
            )
        )
    assert len(git(bare, "ls-tree", "--name-only", "main:x").split()) == 10
    assert len(commits(bare)) == 11
    assert git(bare, "fsck", "--strict", "--no-dangling") == ""


async def test_the_first_commit_makes_the_branch_of_an_empty_repository(tmp_path: Path, clock: SkippingClock) -> None:
    bare = tmp_path / "iac.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=trunk", str(bare))
    async with Iac({"iac": RepositorySettings(url=str(bare))}, tmp_path / "data", clock) as iac:
        first = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
        second = await iac.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert commits(bare, "trunk") == [second.commit, first.commit]


async def test_a_branch_that_does_not_exist_is_not_made(local: Iac, bare: Path, clock: SkippingClock) -> None:
    with pytest.raises(StepFailed, match="the IaC repository 'iac' has no branch 'staging': create it, or name") as e:
        await local.publish("iac", "staging", deploy("d-1"), deadline=clock.within(60))
    assert e.value.reason is Reason.CONFIG_ERROR
    assert git(bare, "branch", "--list", "staging") == ""


async def test_a_branch_that_was_deleted_does_not_come_back_with_one_folder_in_it(
    local: Iac, bare: Path, clock: SkippingClock
) -> None:
    await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    git(bare, "branch", "old", "main")
    git(bare, "update-ref", "-d", "refs/heads/main")
    with pytest.raises(StepFailed, match="has no branch 'main'"):
        await local.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert git(bare, "branch", "--format=%(refname:short)") == "old"


async def test_the_branch_of_the_settings_is_the_default(bare: Path, clock: SkippingClock, tmp_path: Path) -> None:
    git(bare, "branch", "live")
    settings = RepositorySettings(url=str(bare), branch="live")
    async with Iac({"iac": settings}, tmp_path / "data", clock) as iac:
        published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert commits(bare, "live")[0] == published.commit


async def test_two_names_of_one_remote_share_its_cache(bare: Path, clock: SkippingClock, tmp_path: Path) -> None:
    settings = RepositorySettings(url=str(bare))
    async with Iac({"a": settings, "b": settings}, tmp_path / "data", clock) as iac:
        await asyncio.gather(
            iac.publish("a", None, deploy("d-1", "x/a"), deadline=clock.within(60)),
            iac.publish("b", None, deploy("d-2", "x/b"), deadline=clock.within(60)),
        )
    assert len(list((tmp_path / "data" / "git").iterdir())) == 1
    assert git(bare, "ls-tree", "--name-only", "main:x").split() == ["a", "b"]


def test_where_to_look_at_a_commit(tmp_path: Path, clock: SkippingClock) -> None:
    urls = {
        "path": {"url": "/srv/git/iac.git"},
        "gitlab": {"url": "https://git.example.com/platform/iac.git"},
        "github": {"url": "https://github.com/platform/iac/"},
        "own": {"url": "/srv/git/iac.git", "commit_url": "https://cgit.example.com/?id={commit}&x={y}"},
    }
    iac = Iac({name: RepositorySettings.model_validate(one) for name, one in urls.items()}, tmp_path, clock)
    assert {name: iac.commit_url(name, "abc") for name in urls} == {
        "path": None,
        "gitlab": "https://git.example.com/platform/iac/-/commit/abc",
        "github": "https://github.com/platform/iac/commit/abc",
        "own": "https://cgit.example.com/?id=abc&x={y}",
    }
