"""A bearer token goes to the server it is for, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dag_gateway.iac import Iac, RemoteUnavailable
from dag_gateway.iac.connections import open_pool
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.git_cli import git
from tests.fakes.git_http import FETCH, PUSH, REFS, Fault, GitServer, serving_git
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock

OTHER = "clusters/test/other"
TOKEN = "glpat-s3cret.Token_1="


@pytest.fixture
def guarded(bare: Path) -> Iterator[GitServer]:
    with serving_git(bare.parent, token=TOKEN) as server:
        yield server


async def test_every_request_carries_the_token(
    guarded: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    async with Iac({"iac": guarded.settings()}, tmp_path / "data", clock) as iac:
        published = await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert git(bare, "rev-parse", "main") == published.commit
    assert set(guarded.authorizations) == {f"Bearer {TOKEN}"}
    assert {REFS, FETCH, PUSH} == set(guarded.requests)


async def test_a_redirect_to_elsewhere_does_not_take_it_along(
    guarded: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    with serving_git(bare.parent) as elsewhere:
        target = f"{elsewhere.url('iac.git')}/info/refs?service=git-upload-pack"
        guarded.faults.append(Fault(REFS, status=302, location=target))
        async with Iac({"iac": guarded.settings()}, tmp_path / "data", clock) as iac:
            folder = await iac.read("iac", None, OTHER)
    assert folder.files == {"Chart.yaml": b"name: other\n"}
    assert elsewhere.requests[0] == REFS
    assert set(elsewhere.authorizations) == {None}


async def test_a_redirect_on_the_same_server_keeps_it(
    guarded: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    target = f"{guarded.url('iac.git')}/info/refs?service=git-upload-pack"
    guarded.faults.append(Fault(REFS, status=301, location=target))
    async with Iac({"iac": guarded.settings("moved.git")}, tmp_path / "data", clock) as iac:
        assert (await iac.read("iac", None, OTHER)).files


async def test_a_refused_token_is_named_but_not_shown(guarded: GitServer, clock: SkippingClock, tmp_path: Path) -> None:
    guarded.faults.append(Fault(REFS, status=403, text=f"{TOKEN} is expired"))
    async with Iac({"iac": guarded.settings()}, tmp_path / "data", clock) as iac:
        with pytest.raises(StepFailed) as e:
            await iac.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert e.value.reason is Reason.PUSH_REJECTED
    assert e.value.message == (
        "the IaC repository 'iac' refused the credentials with HTTP 403 (*** is expired): "
        "check the token and that it may write"
    )


async def test_a_wrong_token_is_refused(guarded: GitServer, clock: SkippingClock, tmp_path: Path) -> None:
    async with Iac({"iac": guarded.settings(token="wrong")}, tmp_path / "data", clock) as iac:
        with pytest.raises(RemoteUnavailable, match="refused the credentials with HTTP 401: check the token and"):
            await iac.read("iac", None, OTHER)


def test_the_token_is_in_no_repr(guarded: GitServer) -> None:
    settings = guarded.settings()
    with open_pool(settings.url, settings.timeout, settings.token) as pool:
        assert TOKEN not in repr(pool.bearer)
        assert TOKEN not in repr(settings)
