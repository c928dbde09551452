"""What a git server says no to, and what it says when it is in trouble."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Iac, RemoteUnavailable
from dag_gateway.iac.border import Border
from dag_gateway.iac.transport import HttpTransport
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.git_cli import git, install_hook
from tests.fakes.git_http import FETCH, PUSH, REFS, Fault, GitServer
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


def subjects(bare: Path) -> list[str]:
    """Newest first."""
    return git(bare, "log", "--format=%s", "main").splitlines()


async def refused(iac: Iac, clock: SkippingClock, seconds: float = 60) -> StepFailed:
    """Publish and return the failure."""
    with pytest.raises(StepFailed) as e:
        await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(seconds))
    return e.value


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
    async with Iac({"iac": server.settings(password="wrong")}, tmp_path / "data", clock) as iac:
        error = await refused(iac, clock)
    assert error.reason is Reason.PUSH_REJECTED
    assert "refused the credentials with HTTP 401: check username" in error.message


async def test_a_repository_that_is_not_there_is_a_mistake_in_the_config(
    server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    settings = server.settings("other.git")
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


@pytest.mark.parametrize("page", ["<html>sign in</html>\n", "", f"{'1' * 40}\trefs/heads/main\n"])
async def test_a_page_instead_of_git_is_no_answer(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, page: str
) -> None:
    server.faults.append(Fault(REFS, status=200, text=page, content_type="text/html"))
    await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert len(clock.slept) == 1
    assert subjects(bare) == ["[web] deploy 1.0.0", "First commit"]


async def test_an_empty_page_is_not_taken_for_an_empty_repository(remote: Iac, server: GitServer) -> None:
    server.faults.append(Fault(REFS, status=200, content_type="text/html"))
    with pytest.raises(RemoteUnavailable, match="at its url does not speak git's smart HTTP protocol"):
        await remote.read("iac", None, "clusters/test/other")


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
        async with Iac({"dead": dead, "iac": server.settings()}, tmp_path / "data", clock) as iac:
            waiting = [
                asyncio.create_task(iac.publish("dead", None, deploy(f"d-{n}"), deadline=clock.within(0.2)))
                for n in range(10)
            ]
            published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
            ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert published.changed
    assert {end.reason for end in ends if isinstance(end, StepFailed)} <= {Reason.UNREACHABLE, Reason.TIMEOUT}
    assert all(isinstance(end, StepFailed) for end in ends)


@contextmanager
def dripping() -> Iterator[int]:
    """The port of a server that answers every request with one byte after the other, without an end."""
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not ended.wait(0.02):
                connection.sendall(b"1\r\nx\r\n")

    def serve() -> None:
        with suppress(OSError):
            while True:
                drip(server.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ended.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


async def test_an_answer_that_never_ends_is_cut_off(clock: SkippingClock, tmp_path: Path) -> None:
    with dripping() as port:
        url = f"http://127.0.0.1:{port}/iac.git"
        settings = RepositorySettings.model_validate({"url": url, "timeout": "300ms"})
        transport = HttpTransport(settings)
        with (
            pytest.raises(RemoteUnavailable, match="does not answer: no complete answer in time"),
            Border("iac", settings, clock).crossed(),
            transport.client() as client,
        ):
            client.get_refs(transport.path)
        transport.close()


async def test_a_list_of_refs_without_an_end_is_not_taken_into_memory(
    remote: Iac, server: GitServer, clock: SkippingClock
) -> None:
    server.faults.append(Fault(REFS, status=200, text="x" * (65 * 1024**2)))
    with pytest.raises(RemoteUnavailable, match="does not answer: the answer is too large"):
        await remote.read("iac", None, "clusters/test/other")
