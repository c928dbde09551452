"""What a server can do is asked once in five minutes; what its branches are is asked every time."""

from pathlib import Path

import pytest

from dag_gateway.iac import Iac, RemoteUnavailable
from dag_gateway.iac.capabilities import KEPT_FOR, Advertisement, Capabilities
from tests.fakes.git_cli import rival_commit
from tests.fakes.git_http import FETCH, REFS, Fault, GitServer
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock

OTHER = "clusters/test/other"
URL = "https://git.example.com/iac.git/info/refs?service=git-upload-pack"
VERSION_2 = {"Git-Protocol": "version=2"}


async def test_a_second_read_costs_one_request_and_sees_what_is_new(
    remote: Iac, server: GitServer, bare: Path, tmp_path: Path
) -> None:
    await remote.read("iac", None, OTHER)
    server.requests.clear()
    await remote.read("iac", None, OTHER)
    assert server.requests == [FETCH]
    rival_commit(bare, tmp_path / "rival", {f"{OTHER}/values.yaml": "a: 1\n"})
    assert (await remote.read("iac", None, OTHER)).files["values.yaml"] == b"a: 1\n"
    assert REFS not in server.requests


@pytest.mark.parametrize(
    "fault", [Fault(FETCH, status=500), Fault(FETCH, drop=True), Fault(FETCH, status=200, text="<html>hello")]
)
async def test_after_any_trouble_the_server_is_asked_anew(remote: Iac, server: GitServer, fault: Fault) -> None:
    await remote.read("iac", None, OTHER)
    server.faults.append(fault)
    with pytest.raises(RemoteUnavailable, match="the IaC repository 'iac' does not answer"):
        await remote.read("iac", None, OTHER)
    server.requests.clear()
    await remote.read("iac", None, OTHER)
    assert server.requests == [REFS, FETCH]


async def test_a_push_asks_for_the_branches_itself(remote: Iac, server: GitServer, clock: SkippingClock) -> None:
    for deployment in ("d-1", "d-2"):
        server.requests.clear()
        await remote.publish("iac", None, deploy(deployment), deadline=clock.within(60))
        assert server.requests[-2] == REFS


def answer(body: bytes, status: int = 200) -> Advertisement:
    return Advertisement(status, None, {}, body, at=1000.0)


@pytest.mark.parametrize("service", [b"", b"001e# service=git-upload-pack\n0000"])
def test_the_answer_of_version_2_is_kept_for_five_minutes(service: bytes) -> None:
    capabilities = Capabilities()
    kept = answer(service + b"000eversion 2\n0015agent=git/2.39.5\n0000")
    capabilities.note("GET", URL, VERSION_2, kept)
    assert capabilities.known("GET", URL, VERSION_2, now=999.0 + KEPT_FOR) is kept
    assert capabilities.known("GET", URL, VERSION_2, now=1000.0 + KEPT_FOR) is None


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("POST", URL, VERSION_2),
        ("GET", URL.replace("upload", "receive"), VERSION_2),
        ("GET", URL.replace("iac", "other"), VERSION_2),
        ("GET", URL, {}),
    ],
)
def test_it_answers_no_other_request(method: str, url: str, headers: dict[str, str]) -> None:
    capabilities = Capabilities()
    capabilities.note("GET", URL, VERSION_2, answer(b"000eversion 2\n0000"))
    assert capabilities.known(method, url, headers, now=1000.0) is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"001e# service=git-upload-pack\n0000000eversion 1\n", 200),
        (b"001e# service=git-upload-pack\n000001026fe4d2 HEAD\0multi_ack version 2\n", 200),
        (b"000eversion 2\n0000", 204),
        (b"", 200),
    ],
)
def test_an_answer_that_may_hold_refs_is_never_kept(body: bytes, status: int) -> None:
    capabilities = Capabilities()
    capabilities.note("GET", URL, VERSION_2, answer(body, status))
    assert capabilities.known("GET", URL, VERSION_2, now=1000.0) is None


def test_what_is_forgotten_is_asked_again() -> None:
    capabilities = Capabilities()
    capabilities.note("GET", URL, VERSION_2, answer(b"000eversion 2\n0000"))
    capabilities.forget()
    assert capabilities.known("GET", URL, VERSION_2, now=1000.0) is None
