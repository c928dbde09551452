"""Reading a folder of the remote, and asking what comes after what."""

import asyncio
import socket
from pathlib import Path

import pytest

from dag_gateway.config import RepositorySettings
from dag_gateway.iac import FolderMissing, FolderReplaced, Iac, PathRefused, RemoteUnavailable
from tests.fakes.git_cli import git, rival_commit
from tests.fakes.git_http import FETCH, REFS, Fault, GitServer
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


async def test_a_folder_is_read_at_the_tip_of_the_remote_as_it_is_now(
    remote: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    rival = rival_commit(bare, tmp_path / "rival", {"clusters/test/web/values.yaml": "by: hand\n"})
    folder = await remote.read("iac", None, "clusters/test/web")
    assert folder.commit == rival
    assert folder.tree == git(bare, "rev-parse", "main:clusters/test/web")
    assert folder.files == {"Chart.yaml": b"name: web\nversion: 1.0.0+d-1\n", "values.yaml": b"by: hand\n"}


async def test_a_branch_that_is_asked_for_is_read(local: Iac, bare: Path, tmp_path: Path) -> None:
    git(bare, "branch", "staging")
    rival_commit(bare, tmp_path / "rival", {"only/here": "1"}, "staging")
    assert (await local.read("iac", "staging", "only")).files == {"here": b"1"}


@pytest.mark.parametrize(
    ("branch", "path"), [(None, "clusters/test/nothing"), ("no-such-branch", "clusters/test/other")]
)
async def test_nothing_there_is_told_so(remote: Iac, branch: str | None, path: str) -> None:
    with pytest.raises(FolderMissing, match=f"there is nothing at '{path}' in the IaC repository 'iac'") as e:
        await remote.read("iac", branch, path)
    assert e.value.code == "chart_not_found"


async def test_a_bad_path_is_the_mistake_of_who_asks(local: Iac) -> None:
    with pytest.raises(PathRefused, match=r"the path '\.\./x' is refused because of its part '\.\.'"):
        await local.read("iac", None, "../x")


async def test_a_remote_in_trouble_is_unavailable_at_once(remote: Iac, server: GitServer, clock: SkippingClock) -> None:
    server.faults.append(Fault(REFS, status=503))
    with pytest.raises(RemoteUnavailable, match="the IaC repository 'iac' does not answer: HTTP 503") as e:
        await remote.read("iac", None, "clusters/test/other")
    assert e.value.code == "iac_unavailable"
    assert clock.slept == []


async def test_a_remote_that_refuses_the_gateway_is_unavailable_to_others(remote: Iac, server: GitServer) -> None:
    server.faults.append(Fault(REFS, status=401))
    with pytest.raises(RemoteUnavailable, match="refused the credentials with HTTP 401: check username and password"):
        await remote.read("iac", None, "clusters/test/other")


async def test_a_fetch_that_breaks_off_leaves_no_trace(remote: Iac, server: GitServer) -> None:
    server.faults.extend([Fault(FETCH), Fault(FETCH, cut=300)])
    with pytest.raises(RemoteUnavailable, match="the IaC repository 'iac' does not answer"):
        await remote.read("iac", None, "clusters/test/other")
    assert (await remote.read("iac", None, "clusters/test/other")).files == {"Chart.yaml": b"name: other\n"}


async def test_a_silent_remote_is_unavailable_after_its_timeout(tmp_path: Path, clock: SkippingClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/iac.git"
        settings = RepositorySettings.model_validate({"url": url, "timeout": "200ms"})
        async with Iac({"iac": settings}, tmp_path / "data", clock) as iac:
            with pytest.raises(RemoteUnavailable, match=r"the IaC repository 'iac' d(id|oes) not answer"):
                await iac.read("iac", None, "x")
            with pytest.raises(RemoteUnavailable, match=r"the IaC repository 'iac' d(id|oes) not answer"):
                await iac.contains("iac", None, "clusters/test/web", ancestor="0" * 40, commit="1" * 40)


async def test_reading_does_not_wait_for_a_push_under_way(remote: Iac, server: GitServer, clock: SkippingClock) -> None:
    reached, read = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(reached.set)
        asyncio.run_coroutine_threadsafe(read.wait(), loop).result()

    server.faults.append(Fault(before=hold))
    pushing = asyncio.create_task(remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60)))
    await reached.wait()
    assert (await remote.read("iac", None, "clusters/test/other")).files == {"Chart.yaml": b"name: other\n"}
    read.set()
    assert (await pushing).changed


async def test_a_descendant_contains_its_ancestors_and_not_the_other_way_round(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    published = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    rival = rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    assert await local.contains("iac", None, "clusters/test/web", ancestor=published.commit, commit=published.commit)
    assert await local.contains("iac", None, "clusters/test/web", ancestor=published.commit, commit=rival)
    assert not await local.contains("iac", None, "clusters/test/web", ancestor=rival, commit=published.commit)


@pytest.mark.parametrize("files", [{"clusters/test/web/values.yaml": "by: hand\n"}, {"clusters/test/web/new": "1"}])
async def test_a_descendant_with_something_else_at_the_path_proves_nothing(
    remote: Iac, bare: Path, clock: SkippingClock, tmp_path: Path, files: dict[str, str]
) -> None:
    published = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    by_hand = rival_commit(bare, tmp_path / "rival", files)
    later = rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    for commit in (by_hand, later):
        with pytest.raises(FolderReplaced, match=f"^commit {by_hand[:12]} put something else at 'clusters/test/web'$"):
            await remote.contains("iac", None, "clusters/test/web", ancestor=published.commit, commit=commit)


async def test_the_deployment_that_wrote_something_else_is_named(local: Iac, clock: SkippingClock) -> None:
    ours = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    newer = await local.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    with pytest.raises(FolderReplaced, match=rf"commit {newer.commit[:12]} \(deployment d-2\) put something else"):
        await local.contains("iac", None, "clusters/test/web", ancestor=ours.commit, commit=newer.commit)


async def test_a_folder_that_gave_way_to_a_link_or_to_nothing_was_replaced(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    ours = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    clone = tmp_path / "rival"
    git(bare, "clone", "--quiet", "--branch", "main", str(bare), str(clone))
    git(clone, "rm", "-r", "--quiet", "clusters/test/web")
    gone = commit_all(clone, "gone")
    (clone / "clusters/test/web").symlink_to("other")
    linked = commit_all(clone, "linked")
    for commit in (gone, linked):
        with pytest.raises(FolderReplaced, match="put something else at 'clusters/test/web'") as e:
            await local.contains("iac", None, "clusters/test/web", ancestor=ours.commit, commit=commit)
        assert (e.value.code, e.value.commit) == ("folder_replaced", gone)


async def test_content_that_was_put_back_proves_again(
    local: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    ours = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    values = "clusters/test/web/values.yaml"
    rival_commit(bare, tmp_path / "rival", {values: "by: hand\n"})
    restored = rival_commit(bare, tmp_path / "rival", {values: "a: 1\n"})
    assert await local.contains("iac", None, "clusters/test/web", ancestor=ours.commit, commit=restored)


async def test_only_an_unknown_commit_is_asked_for(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    published = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    first = git(bare, "rev-parse", "main^")
    server.requests.clear()
    assert await remote.contains("iac", None, "clusters/test/other", ancestor=first, commit=published.commit)
    assert server.requests == []
    unknown = await remote.contains("iac", None, "clusters/test/web", ancestor=published.commit, commit="0" * 39 + "1")
    assert unknown is None
    assert server.requests == [FETCH]


@pytest.mark.parametrize("commit", ["", "main", "0" * 39, "0" * 64, "../../x", "é" * 40, "A" * 40])
async def test_what_is_no_commit_id_contains_nothing(remote: Iac, server: GitServer, commit: str) -> None:
    assert not await remote.contains("iac", None, "clusters/test/web", ancestor="1" * 40, commit=commit)
    assert server.requests == []


async def test_a_remote_in_trouble_proves_nothing(remote: Iac, server: GitServer) -> None:
    server.faults.append(Fault(REFS, status=500))
    with pytest.raises(RemoteUnavailable, match="the IaC repository 'iac' does not answer"):
        await remote.contains("iac", None, "clusters/test/web", ancestor="1" * 40, commit="2" * 40)


def commit_all(clone: Path, message: str) -> str:
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", message)
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    return git(clone, "rev-parse", "HEAD")


async def test_what_was_there_before_a_commit_can_be_read(
    remote: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    first = await remote.publish("iac", None, deploy("d-1", files={"Chart.yaml": b"1"}), deadline=clock.within(60))
    rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    second = await remote.publish("iac", None, deploy("d-2", files={"Chart.yaml": b"2"}), deadline=clock.within(60))
    before = await remote.before("iac", None, "clusters/test/web", second.commit)
    assert before is not None
    assert before.files == {"Chart.yaml": b"1"}
    assert await remote.before("iac", None, "clusters/test/web", first.commit) is None
    root = git(bare, "rev-list", "--max-parents=0", "main")
    assert await remote.before("iac", None, "clusters/test/other", root) is None
    assert await remote.before("iac", None, "clusters/test/other", "0" * 40) is None
