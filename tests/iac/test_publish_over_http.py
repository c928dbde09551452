"""Publishing to a real git server over HTTP, and everything that can go wrong on the way."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from dag_gateway.iac import Iac
from tests.fakes.git_cli import git, rival_commit
from tests.fakes.git_http import PUSH, REFS, Fault, GitServer, serving_git
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


def subjects(bare: Path) -> list[str]:
    """Newest first."""
    return git(bare, "log", "--format=%s", "main").splitlines()


async def test_a_deployment_is_one_commit_with_exactly_its_objects(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    published = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
    assert git(bare, "fsck", "--strict") == ""
    assert git(bare, "count-objects").startswith("14 ")  # 7 of the first commit, 2 blobs, 4 trees, 1 commit
    assert server.requests[-2:] == [REFS, PUSH]


async def test_the_second_push_asks_nothing_first(remote: Iac, server: GitServer, clock: SkippingClock) -> None:
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    server.requests.clear()
    await remote.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert server.requests == [REFS, PUSH]


async def test_a_chart_of_megabytes_travels_in_chunks(remote: Iac, bare: Path, clock: SkippingClock) -> None:
    noise = b"".join(hash_of.to_bytes(4, "big") for hash_of in range(0, 2**32, 2**32 // 600_000))
    await remote.publish("iac", None, deploy("d-1", files={"big.bin": noise}), deadline=clock.within(60))
    assert git(bare, "cat-file", "-s", "main:clusters/test/web/big.bin") == str(len(noise))


async def test_a_lost_race_is_run_again_on_the_new_tip(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    server.faults.append(Fault(PUSH, before=lambda: rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})))
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert subjects(bare) == ["[web] deploy 1.0.0", "rival: elsewhere", "First commit"]
    assert git(bare, "show", "main:elsewhere") == "1"


async def test_a_tip_that_is_out_of_date_is_noticed_before_anything_is_sent(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    await remote.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert subjects(bare)[:3] == ["[web] deploy 1.0.0", "rival: elsewhere", "[web] deploy 1.0.0"]
    assert server.requests.count(PUSH) == 2


async def test_a_lock_of_another_writer_at_the_server_is_waited_for(
    remote: Iac, bare: Path, clock: SkippingClock
) -> None:
    lock = bare / "refs/heads/main.lock"
    lock.touch()
    clock.on_sleep = lambda: lock.unlink(missing_ok=True)
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert subjects(bare)[0] == "[web] deploy 1.0.0"


async def test_a_push_that_was_applied_but_never_answered_is_not_pushed_twice(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    server.faults.append(Fault(PUSH, drop=True))
    published = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
    assert published.changed
    assert subjects(bare) == ["[web] deploy 1.0.0", "First commit"]
    assert server.requests.count(PUSH) == 1


async def test_it_is_found_also_below_the_commits_of_others(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    server.faults.append(
        Fault(PUSH, drop=True, after=lambda: rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"}))
    )
    published = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main^") == published.commit
    assert subjects(bare) == ["rival: elsewhere", "[web] deploy 1.0.0", "First commit"]


@pytest.mark.parametrize("cut", [0, 30])
async def test_an_answer_that_breaks_off_is_no_success_and_no_second_commit(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, cut: int
) -> None:
    server.faults.append(Fault(PUSH, cut=cut))
    published = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
    assert subjects(bare) == ["[web] deploy 1.0.0", "First commit"]
    assert len(clock.slept) == 1


async def test_a_server_that_does_not_say_what_became_of_the_push_has_not_taken_it(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    server.faults.append(Fault(PUSH, status=200, text="0000", content_type="application/x-git-receive-pack-result"))
    published = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
    assert server.requests.count(PUSH) == 2


async def test_a_kill_between_push_and_answer_leaves_one_commit(
    bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    with serving_git(bare.parent) as server:
        command = [
            sys.executable,
            "-m",
            "tests.fakes.iac_process",
            server.url("iac.git"),
            str(tmp_path / "data"),
            "d-1",
        ]
        root = Path(__file__).parents[2]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE, cwd=root)
        server.faults.append(Fault(PUSH, after=process.kill))
        await process.communicate()
        assert process.returncode == -9
        async with Iac({"iac": server.settings()}, tmp_path / "data", clock) as iac:
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
    assert subjects(bare) == ["[web] deploy 1.0.0", "First commit"]


async def test_a_token_needs_no_username(bare: Path, clock: SkippingClock, tmp_path: Path) -> None:
    with serving_git(bare.parent, "git", "token") as server:
        async with Iac({"iac": server.settings(username=None)}, tmp_path / "data", clock) as iac:
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert published.changed


async def test_an_empty_repository_gets_the_branch_that_its_head_names(
    bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    git(bare.parent, "init", "--quiet", "--bare", "--initial-branch=trunk", "empty.git")
    with serving_git(bare.parent) as server:
        async with Iac({"iac": server.settings("empty.git")}, tmp_path / "data", clock) as iac:
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare.parent / "empty.git", "rev-list", "trunk") == published.commit


async def test_a_redirect_is_followed_without_the_credentials(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    with serving_git(bare.parent) as elsewhere:
        target = f"{elsewhere.url('iac.git')}/info/refs?service=git-upload-pack"
        server.faults.append(Fault(REFS, status=302, location=target))
        folder = await remote.read("iac", None, "clusters/test/other")
    assert folder.files == {"Chart.yaml": b"name: other\n"}
    assert elsewhere.requests[0] == REFS
    assert elsewhere.authorizations == [None] * len(elsewhere.requests)


async def test_the_proxy_of_the_environment_is_used(
    bare: Path, clock: SkippingClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_git(bare.parent) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        async with Iac({"iac": proxy.settings(url="http://git.invalid/iac.git")}, tmp_path / "data", clock) as iac:
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
