"""Publishing and reading through a real sshd: one connection for all, and a connection that may die at any moment."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from dag_gateway.clock import SystemClock
from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Iac, RemoteUnavailable
from dag_gateway.iac.border import Border
from dag_gateway.iac.transport import Transport, open_transport
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.git_cli import git, install_hook, rival_commit
from tests.fakes.iac_changes import deploy
from tests.fakes.needs import needs
from tests.fakes.skipping_clock import SkippingClock
from tests.fakes.ssh_git import SSHD, SshServer, serving_ssh

pytestmark = needs(SSHD)

OTHER = "clusters/test/other"


@pytest.fixture
def sshd(bare: Path, tmp_path: Path) -> Iterator[SshServer]:
    with serving_ssh(bare.parent, tmp_path / "ssh") as server:
        yield server


@pytest.fixture
async def iac(sshd: SshServer, tmp_path: Path, clock: SkippingClock) -> AsyncIterator[Iac]:
    async with Iac({"iac": sshd.settings()}, tmp_path / "data", clock) as iac:
        yield iac


def subjects(bare: Path) -> list[str]:
    """Newest first."""
    return git(bare, "log", "--format=%s", "main").splitlines()


@contextmanager
def reaching(settings: RepositorySettings, clock: SkippingClock) -> Iterator[tuple[Transport, Border]]:
    border = Border("iac", settings, clock)
    transport = open_transport(settings, border)
    try:
        yield transport, border
    finally:
        transport.close()


def refs(transport: Transport, border: Border) -> list[bytes]:
    """Ask for the branches, as a read does first."""
    with border.crossed(), transport.client() as client:
        return sorted(client.get_refs(transport.path).refs)


async def test_a_second_push_costs_one_command_on_the_same_connection(
    iac: Iac, bare: Path, sshd: SshServer, clock: SkippingClock
) -> None:
    await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert sshd.commands()[-1] == "git-receive-pack"
    published = await iac.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert sshd.commands() == ["git-receive-pack"]
    assert sshd.connections == 1
    assert git(bare, "rev-parse", "main") == published.commit
    assert git(bare, "fsck", "--strict") == ""


async def test_a_read_asks_in_version_2_of_the_protocol(iac: Iac, sshd: SshServer) -> None:
    folder = await iac.read("iac", None, OTHER)
    assert folder.files == {"Chart.yaml": b"name: other\n"}
    assert set(sshd.commands()) == {"git-upload-pack version=2"}


async def test_a_server_that_takes_no_environment_is_spoken_to_in_the_old_version(
    bare: Path, tmp_path: Path, clock: SkippingClock
) -> None:
    with serving_ssh(bare.parent, tmp_path / "ssh", more="") as sshd:
        async with Iac({"iac": sshd.settings()}, tmp_path / "data", clock) as iac:
            await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
            folder = await iac.read("iac", None, OTHER)
        assert set(sshd.commands()) == {"git-upload-pack", "git-receive-pack"}
    assert folder.files == {"Chart.yaml": b"name: other\n"}
    assert subjects(bare)[0] == "[web] deploy 1.0.0"


async def test_readers_and_a_writer_share_the_connection(
    iac: Iac, bare: Path, sshd: SshServer, clock: SkippingClock
) -> None:
    reading = (iac.read("iac", None, OTHER) for _ in range(10))
    writing = iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    *folders, _ = await asyncio.gather(*reading, writing)
    assert len(folders) == 10
    assert subjects(bare)[0] == "[web] deploy 1.0.0"
    assert sshd.connections == 1


async def test_a_server_of_one_channel_per_connection_is_given_more_connections(
    bare: Path, tmp_path: Path, clock: SkippingClock
) -> None:
    with serving_ssh(bare.parent, tmp_path / "ssh", more="MaxSessions 1") as sshd:
        async with Iac({"iac": sshd.settings()}, tmp_path / "data", clock) as iac:
            await asyncio.gather(*(iac.read("iac", None, OTHER) for _ in range(6)))
            await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
        sshd.wait_for_the_end()
    assert subjects(bare)[0] == "[web] deploy 1.0.0"


async def test_a_lost_race_is_run_again_on_the_new_tip(
    iac: Iac, bare: Path, sshd: SshServer, clock: SkippingClock, tmp_path: Path
) -> None:
    await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    rival_commit(bare, tmp_path / "rival", {"elsewhere": "1"})
    await iac.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert subjects(bare)[:3] == ["[web] deploy 1.0.0", "rival: elsewhere", "[web] deploy 1.0.0"]


async def test_a_connection_that_died_is_replaced_without_anyone_noticing(
    iac: Iac, sshd: SshServer, clock: SkippingClock
) -> None:
    await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    sshd.drop_connections()
    await iac.publish("iac", None, deploy("d-2"), deadline=clock.within(60))
    assert clock.slept == []
    assert sshd.connections == 2


def test_a_connection_that_froze_is_replaced_after_the_timeout(sshd: SshServer, clock: SkippingClock) -> None:
    with reaching(sshd.settings(timeout="2s"), clock) as (transport, border):
        before = refs(transport, border)
        sshd.signal(signal.SIGSTOP)
        assert refs(transport, border) == before
        assert sshd.connections == 2


def test_the_connection_ends_with_the_transport(sshd: SshServer, clock: SkippingClock) -> None:
    with reaching(sshd.settings(), clock) as (transport, border):
        refs(transport, border)
    sshd.wait_for_the_end()


def test_a_connection_outlives_its_transport_until_the_last_operation_is_over(
    sshd: SshServer, clock: SkippingClock
) -> None:
    settings = sshd.settings()
    transport = open_transport(settings, Border("iac", settings, clock))
    with transport.client() as client:
        assert client.get_refs(transport.path).refs
        transport.close()
        assert client.get_refs(transport.path).refs
    sshd.wait_for_the_end()


async def test_a_server_that_dies_in_the_middle_of_a_push_is_asked_again(
    iac: Iac, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    once = tmp_path / "died-once"
    install_hook(bare, "pre-receive", f"[ -e {once} ] && exit 0; touch {once}; kill -9 $PPID")
    published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert once.exists()
    assert git(bare, "rev-parse", "main") == published.commit
    assert subjects(bare) == ["[web] deploy 1.0.0", "First commit"]
    assert len(clock.slept) == 1


async def test_a_server_that_always_dies_is_unreachable_at_the_deadline(
    iac: Iac, bare: Path, clock: SkippingClock
) -> None:
    install_hook(bare, "pre-receive", "kill -9 $PPID")
    with pytest.raises(StepFailed, match="not confirmed before the deadline: the IaC repository 'iac' does not") as e:
        await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(1))
    assert e.value.reason is Reason.UNREACHABLE
    assert subjects(bare) == ["First commit"]


async def test_a_push_that_was_applied_but_never_answered_is_not_pushed_twice(
    iac: Iac, bare: Path, sshd: SshServer, clock: SkippingClock, tmp_path: Path
) -> None:
    once = tmp_path / "died-once"
    install_hook(bare, "post-update", f"[ -e {once} ] && exit 0; touch {once}; kill -9 $PPID")
    published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert once.exists()
    assert published.changed
    assert git(bare, "rev-parse", "main") == published.commit
    assert subjects(bare) == ["[web] deploy 1.0.0", "First commit"]


async def test_a_hook_that_declines_ends_it_with_what_the_hook_said(iac: Iac, bare: Path, clock: SkippingClock) -> None:
    install_hook(bare, "pre-receive", "echo 'policy: ask platform' >&2; exit 1")
    with pytest.raises(StepFailed) as e:
        await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert e.value.reason is Reason.PUSH_REJECTED
    assert e.value.message == (
        "the IaC repository 'iac' rejected the push: pre-receive hook declined\npolicy: ask platform"
    )


async def test_objects_that_the_server_does_not_take_end_it(iac: Iac, bare: Path, clock: SkippingClock) -> None:
    git(bare, "config", "receive.maxInputSize", "10")
    with pytest.raises(StepFailed, match="the IaC repository 'iac' rejected the push: unpack") as e:
        await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert e.value.reason is Reason.PUSH_REJECTED


def test_a_path_is_quoted_for_the_shell_of_the_server(sshd: SshServer, bare: Path, clock: SkippingClock) -> None:
    bare.rename(bare.with_name("it's $HOME.git"))
    with reaching(sshd.settings("it's $HOME.git"), clock) as (transport, border):
        assert refs(transport, border) == [b"HEAD", b"refs/heads/main"]


async def test_nobody_listening_is_temporary(sshd: SshServer, tmp_path: Path, clock: SkippingClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"ssh://git@127.0.0.1:{free.getsockname()[1]}/iac.git"
    async with Iac({"iac": sshd.settings(url=url)}, tmp_path / "data", clock) as iac:
        with pytest.raises(RemoteUnavailable, match=r"'iac' does not answer: \[Errno 111\] Connection refused$"):
            await iac.read("iac", None, OTHER)


def test_a_server_that_says_nothing_is_given_up_after_the_timeout(sshd: SshServer, clock: SkippingClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ssh://git@127.0.0.1:{silent.getsockname()[1]}/iac.git"
        with (
            reaching(sshd.settings(url=url, timeout="200ms"), clock) as (transport, border),
            pytest.raises(RemoteUnavailable, match=r"the IaC repository 'iac' does not answer: no greeting in time$"),
        ):
            refs(transport, border)


def test_a_command_that_says_nothing_is_given_up_after_the_timeout(sshd: SshServer, clock: SkippingClock) -> None:
    sshd.run_instead("read anything")
    with (
        reaching(sshd.settings(timeout="2s"), clock) as (transport, border),
        pytest.raises(RemoteUnavailable, match=r"the IaC repository 'iac' does not answer: no answer in time$"),
    ):
        refs(transport, border)


async def test_a_hook_that_hangs_is_not_waited_for_because_git_says_that_it_is_alive(
    bare: Path, sshd: SshServer, tmp_path: Path
) -> None:
    git(bare, "config", "receive.keepAlive", "1")
    install_hook(bare, "pre-receive", "sleep 60; touch finished")
    clock, settings = SystemClock(), sshd.settings().model_copy(update={"timeout": 2.0})
    async with Iac({"iac": settings}, tmp_path / "data", clock) as iac:
        with pytest.raises(StepFailed, match="not confirmed before the deadline: the IaC repository 'iac' does not"):
            await iac.publish("iac", None, deploy("d-1"), deadline=clock.now() + timedelta(seconds=3.5))
    assert not (bare / "finished").exists()
