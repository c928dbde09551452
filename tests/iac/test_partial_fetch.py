"""How little is fetched: one branch, the end of its history, no files but those of the folder in question."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from dag_gateway.iac import FolderReplaced, Iac, RemoteUnavailable
from dag_gateway.iac.history import HISTORY
from tests.fakes.git_cli import ENVIRONMENT, git, rival_commit
from tests.fakes.git_http import FETCH, PUSH, REFS, Fault, GitServer
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock

LONG = HISTORY + 200


@pytest.fixture
def partial(bare: Path) -> Path:
    """The server hands out packs without files, as the forges do."""
    git(bare, "config", "uploadpack.allowFilter", "true")
    return bare


def lengthen(bare: Path, commits: int) -> str:
    """Add so many commits that each change ``counter``, and another branch. Returns the first of them."""
    lines = []
    for number in range(1, commits + 1):
        text, when = f"{number}\n", 1_700_000_000 + number
        start = f"from {git(bare, 'rev-parse', 'main')}\n" if number == 1 else ""
        lines.append(
            f"commit refs/heads/main\nmark :{number}\ncommitter Rival <rival@example.com> {when} +0000\n"
            f"data 5\nlong\n{start}M 100644 inline counter\ndata {len(text)}\n{text}\n"
        )
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=bare, env=ENVIRONMENT, input="".join(lines).encode(), check=True
    )
    git(bare, "branch", "another", "main~1")
    return git(bare, "rev-parse", f"main~{commits - 1}")


def cache_of(tmp_path: Path) -> Path:
    (cache,) = (tmp_path / "data" / "git").iterdir()
    return cache


def stored(cache: Path, kind: str) -> int:
    """How many objects of a kind the cache holds."""
    listed = git(cache, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    return listed.split().count(kind)


async def test_the_first_fetch_takes_the_end_of_one_branch_and_no_files(
    remote: Iac, partial: Path, tmp_path: Path
) -> None:
    lengthen(partial, LONG)
    await remote.read("iac", None, "clusters/test/other")
    cache = cache_of(tmp_path)
    assert stored(cache, "commit") == HISTORY
    assert stored(cache, "blob") == 1
    assert git(cache, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert len((cache / "shallow").read_text().split()) == 1


async def test_the_files_of_a_folder_are_fetched_once(remote: Iac, partial: Path, server: GitServer) -> None:
    for requests in ([REFS, FETCH, FETCH, FETCH, FETCH], [FETCH]):
        server.requests.clear()
        folder = await remote.read("iac", None, "clusters/test/other")
        assert folder.files == {"Chart.yaml": b"name: other\n"}
        assert server.requests == requests  # refs and commits, refs and files; then the refs only


async def test_what_was_pushed_need_not_be_fetched(
    remote: Iac, partial: Path, server: GitServer, clock: SkippingClock
) -> None:
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    server.requests.clear()
    await remote.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert server.requests == [REFS, PUSH]
    assert (await remote.read("iac", None, "clusters/test/web")).files.keys() == {"Chart.yaml", "values.yaml"}
    assert server.requests == [REFS, PUSH, FETCH]


async def test_what_a_rival_wrote_is_fetched_before_it_is_replaced(
    remote: Iac, partial: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    rival_commit(partial, tmp_path / "rival", {"clusters/test/web/values.yaml": "by: hand\n", "elsewhere": "1"})
    assert (await remote.read("iac", None, "clusters/test/web")).files["values.yaml"] == b"by: hand\n"
    published = await remote.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert git(partial, "rev-parse", "main") == published.commit
    assert git(partial, "show", "main:elsewhere") == "1"
    assert git(partial, "fsck", "--strict") == ""


async def test_a_file_that_can_not_be_fetched_now_is_fetched_later(
    remote: Iac, partial: Path, server: GitServer
) -> None:
    server.faults.extend([Fault(FETCH), Fault(FETCH), Fault(FETCH), Fault(FETCH, status=503)])
    with pytest.raises(RemoteUnavailable, match="HTTP 503"):
        await remote.read("iac", None, "clusters/test/other")
    assert (await remote.read("iac", None, "clusters/test/other")).files == {"Chart.yaml": b"name: other\n"}


async def test_an_ancestor_behind_the_end_of_the_history_is_found_by_asking_for_more(
    remote: Iac, partial: Path, server: GitServer, tmp_path: Path
) -> None:
    oldest = lengthen(partial, LONG)
    tip = git(partial, "rev-parse", "main")
    await remote.read("iac", None, "clusters/test/other")
    server.requests.clear()
    assert await remote.contains("iac", None, "clusters/test/other", ancestor=oldest, commit=tip)
    assert server.requests == [FETCH, FETCH]
    assert not (cache_of(tmp_path) / "shallow").exists()
    assert not await remote.contains("iac", None, "clusters/test/other", ancestor=tip, commit=oldest)
    assert server.requests == [FETCH, FETCH]


async def test_a_commit_from_before_ours_is_told_without_asking_for_more(
    remote: Iac, partial: Path, server: GitServer
) -> None:
    lengthen(partial, LONG)
    tip, before = git(partial, "rev-parse", "main", "main~5").split()
    await remote.read("iac", None, "clusters/test/other")
    server.requests.clear()
    assert not await remote.contains("iac", None, "clusters/test/other", ancestor=tip, commit=before)
    assert server.requests == []


async def test_a_longer_history_is_asked_for_once(
    remote: Iac, partial: Path, server: GitServer, tmp_path: Path
) -> None:
    lengthen(partial, LONG)
    git(partial, "branch", "side", "main~3")
    side = rival_commit(partial, tmp_path / "rival", {"side": "1"}, "side")
    tip = git(partial, "rev-parse", "main")
    await remote.read("iac", None, "clusters/test/other")
    await remote.read("iac", "side", "clusters/test/other")
    server.requests.clear()
    for _ in range(2):
        assert not await remote.contains("iac", None, "clusters/test/other", ancestor=side, commit=tip)
    assert server.requests == [FETCH, FETCH]


async def test_another_branch_is_taken_with_as_little_history(remote: Iac, partial: Path, tmp_path: Path) -> None:
    await remote.read("iac", None, "clusters/test/other")
    git(partial, "branch", "kept", "main")
    lengthen(partial, LONG)
    git(partial, "update-ref", "refs/heads/long", "main")
    git(partial, "update-ref", "refs/heads/main", "kept")
    await remote.read("iac", "long", "clusters/test/other")
    assert stored(cache_of(tmp_path), "commit") == HISTORY + 1


async def test_a_deployment_that_others_wrote_over_is_found_by_a_gateway_that_has_none_of_its_files(
    remote: Iac, server: GitServer, partial: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    pushed = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    rival_commit(partial, tmp_path / "rival", {"clusters/test/web/values.yaml": "by: hand\n"})
    async with Iac({"iac": server.settings()}, tmp_path / "other", clock) as other:
        again, beside = await asyncio.gather(
            other.publish("iac", None, deploy("d-1"), deadline=clock.within(60)),
            other.publish("iac", None, deploy("d-2", "clusters/test/new"), deadline=clock.within(60)),
        )
    assert again == pushed
    assert git(partial, "rev-parse", "main") == beside.commit
    assert clock.slept == []


async def test_what_replaced_a_folder_long_ago_is_named(remote: Iac, partial: Path, tmp_path: Path) -> None:
    first = git(partial, "rev-parse", "main")
    by_hand = rival_commit(partial, tmp_path / "rival", {"clusters/test/other/Chart.yaml": "name: by hand\n"})
    lengthen(partial, 30)
    tip = git(partial, "rev-parse", "main")
    with pytest.raises(FolderReplaced, match=f"commit {by_hand[:12]} put something else at"):
        await remote.contains("iac", None, "clusters/test/other", ancestor=first, commit=tip)


async def test_content_older_than_the_history_is_followed_from_where_the_history_begins(
    remote: Iac, partial: Path, clock: SkippingClock
) -> None:
    lengthen(partial, LONG)
    same = deploy("d-1", "clusters/test/other", {"Chart.yaml": b"name: other\n"})
    published = await remote.publish("iac", None, same, deadline=clock.within(60))
    assert (published.changed, published.commit) == (False, git(partial, "rev-parse", f"main~{HISTORY - 1}"))


async def test_a_branch_that_was_rewritten_is_followed(
    remote: Iac, partial: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    lengthen(partial, 5)
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    git(partial, "update-ref", "refs/heads/main", git(partial, "rev-parse", "main~3"))
    rival_commit(partial, tmp_path / "rival", {"elsewhere": "1"})
    published = await remote.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert git(partial, "log", "--format=%s", "-2") == "[web] deploy 1.0.0\nrival: elsewhere"
    assert git(partial, "rev-parse", "main") == published.commit
    assert git(partial, "fsck", "--strict", "--no-dangling") == ""


def advertisement(*features: str) -> str:
    """What a server of protocol version 2 says that it can do."""
    lines = ["# service=git-upload-pack", "", "version 2", "ls-refs", *features, "object-format=sha1", ""]
    return "".join(f"{len(line) + 5:04x}{line}\n" if line else "0000" for line in lines)


async def test_a_server_that_can_not_cut_a_history_is_asked_for_all_of_it(
    remote: Iac, bare: Path, server: GitServer, tmp_path: Path
) -> None:
    lengthen(bare, LONG)
    kind = "application/x-git-upload-pack-advertisement"
    server.faults.extend([Fault(REFS, status=200, text=advertisement("fetch"), content_type=kind)] * 2)
    folder = await remote.read("iac", None, "clusters/test/other")
    assert folder.files == {"Chart.yaml": b"name: other\n"}
    assert stored(cache_of(tmp_path), "commit") == LONG + 1
    assert not (cache_of(tmp_path) / "shallow").exists()


async def test_one_connection_serves_all_requests(remote: Iac, server: GitServer, clock: SkippingClock) -> None:
    for number in range(3):
        await remote.publish("iac", None, deploy(f"d-{number}"), deadline=clock.within(60))
    await remote.read("iac", None, "clusters/test/web")
    assert server.connections == 1
