"""Publishing to a real git server over HTTP, and everything that can go wrong on the way."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Iac
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.git_cli import git, install_hook, rival_commit
from tests.fakes.git_http import FETCH, PUSH, REFS, Fault, GitServer, serving_git
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


def subjects(bare: Path) -> list[str]:
    """Newest first."""
    return git(bare, "log", "--format=%s", "main").splitlines()


def settings_of(server: GitServer, **other: object) -> RepositorySettings:
    return RepositorySettings.model_validate(
        {"url": server.url("iac.git"), "username": server.username, "password": server.password, **other}
    )


async def refused(iac: Iac, clock: SkippingClock, seconds: float = 60) -> StepFailed:
    """Publish and return the failure."""
    with pytest.raises(StepFailed) as e:
        await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(seconds))
    return e.value


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
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        server.faults.append(Fault(PUSH, after=process.kill))
        await process.communicate()
        assert process.returncode == -9
        async with Iac({"iac": settings_of(server)}, tmp_path / "data", clock) as iac:
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
    assert subjects(bare) == ["[web] deploy 1.0.0", "First commit"]


async def test_a_hook_that_declines_ends_it_with_what_the_hook_said(
    remote: Iac, bare: Path, clock: SkippingClock
) -> None:
    install_hook(bare, "pre-receive", "echo 'policy: fetch first, ask platform in /srv/policies/x.yaml' >&2; exit 1")
    error = await refused(remote, clock)
    assert error.reason is Reason.PUSH_REJECTED
    assert error.message == (
        "the IaC repository 'iac' rejected the push: pre-receive hook declined\n"
        "policy: fetch first, ask platform in (path)"
    )
    assert clock.slept == []


async def test_objects_that_the_server_does_not_take_end_it(remote: Iac, bare: Path, clock: SkippingClock) -> None:
    git(bare, "config", "receive.maxInputSize", "10")
    error = await refused(remote, clock)
    assert error.reason is Reason.PUSH_REJECTED
    assert error.message.startswith("the IaC repository 'iac' rejected the push: unpack")


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_named_but_not_shown(
    remote: Iac, server: GitServer, clock: SkippingClock, status: int
) -> None:
    server.faults.append(Fault(PUSH, status=status, text="s3cret-Pass may not push"))
    error = await refused(remote, clock)
    assert error.reason is Reason.PUSH_REJECTED
    assert error.message == (
        f"the IaC repository 'iac' refused the credentials with HTTP {status} (*** may not push): "
        "check username and password and that they may write"
    )


async def test_a_wrong_password_is_refused(server: GitServer, clock: SkippingClock, tmp_path: Path) -> None:
    async with Iac({"iac": settings_of(server, password="wrong")}, tmp_path / "data", clock) as iac:
        error = await refused(iac, clock)
    assert error.reason is Reason.PUSH_REJECTED
    assert "refused the credentials with HTTP 401: check username" in error.message


async def test_a_token_needs_no_username(bare: Path, clock: SkippingClock, tmp_path: Path) -> None:
    with serving_git(bare.parent, "git", "token") as server:
        async with Iac({"iac": settings_of(server, username=None)}, tmp_path / "data", clock) as iac:
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert published.changed


async def test_a_repository_that_is_not_there_is_a_mistake_in_the_config(
    server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    settings = settings_of(server, url=server.url("other.git"))
    async with Iac({"iac": settings}, tmp_path / "data", clock) as iac:
        error = await refused(iac, clock)
    assert error.reason is Reason.CONFIG_ERROR
    assert error.message.startswith("the IaC repository 'iac' was not found at its url")


@pytest.mark.parametrize(("service", "status"), [(REFS, 500), (FETCH, 503), (PUSH, 429)])
async def test_a_server_in_trouble_is_asked_again(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, service: str, status: int
) -> None:
    server.faults.extend([Fault(service, status=status)] * 2)
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert subjects(bare) == ["[web] deploy 1.0.0", "First commit"]
    assert len(clock.slept) == 2


async def test_a_server_that_stays_in_trouble_ends_it_at_the_deadline(
    remote: Iac, server: GitServer, clock: SkippingClock
) -> None:
    server.faults.extend([Fault(REFS, status=502, text="<html>/srv", content_type="text/html")] * 100)
    error = await refused(remote, clock, seconds=30)
    assert error.reason is Reason.UNREACHABLE
    assert error.message == ("not confirmed before the deadline: the IaC repository 'iac' does not answer: HTTP 502")
    assert 19 < sum(clock.slept) < 30


async def test_another_error_status_is_a_refusal(remote: Iac, server: GitServer, clock: SkippingClock) -> None:
    server.faults.append(Fault(PUSH, status=413, text="too large for us"))
    error = await refused(remote, clock)
    assert error.reason is Reason.PUSH_REJECTED
    assert error.message == "the IaC repository 'iac' rejected the push: HTTP 413 (too large for us)"


async def test_a_login_page_instead_of_git_is_no_answer(remote: Iac, server: GitServer, clock: SkippingClock) -> None:
    server.faults.append(Fault(REFS, status=200, text="<html>sign in</html>\n", content_type="text/html"))
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert len(clock.slept) == 1


async def test_nobody_listening_is_unreachable_at_the_deadline(clock: SkippingClock, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/iac.git"
    async with Iac({"iac": RepositorySettings(url=url)}, tmp_path / "data", clock) as iac:
        error = await refused(iac, clock, seconds=5)
    assert error.reason is Reason.UNREACHABLE
    assert error.message == (
        "not confirmed before the deadline: the IaC repository 'iac' does not answer: [Errno 111] Connection refused"
    )


async def test_a_silent_remote_holds_up_no_other_repository(
    server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/iac.git"
        dead = RepositorySettings.model_validate({"url": url, "timeout": "500ms"})
        async with Iac({"dead": dead, "iac": settings_of(server)}, tmp_path / "data", clock) as iac:
            waiting = [
                asyncio.create_task(iac.publish("dead", None, deploy(f"d-{n}"), deadline=clock.within(0.2)))
                for n in range(10)
            ]
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
            ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert published.changed
    assert {end.reason for end in ends if isinstance(end, StepFailed)} <= {Reason.UNREACHABLE, Reason.TIMEOUT}
    assert all(isinstance(end, StepFailed) for end in ends)


async def test_an_empty_repository_gets_the_branch_that_its_head_names(
    bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    git(bare.parent, "init", "--quiet", "--bare", "--initial-branch=trunk", "empty.git")
    with serving_git(bare.parent) as server:
        async with Iac({"iac": settings_of(server, url=server.url("empty.git"))}, tmp_path / "data", clock) as iac:
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
        async with Iac({"iac": settings_of(proxy, url="http://git.invalid/iac.git")}, tmp_path / "data", clock) as iac:
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
