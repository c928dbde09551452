"""Questions to the history that wait at the same time share one look, which begins after all of them were asked."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dag_gateway.iac import FolderReplaced, Iac, RemoteUnavailable
from tests.fakes.git_cli import git, rival_commit
from tests.fakes.git_http import FETCH, Fault, GitServer
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock

WEB, OTHER = "clusters/test/web", "clusters/test/other"


class Held:
    """A request that the server holds back: ``reached`` once it is there, until ``go`` is set."""

    def __init__(self) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> None:
        self._loop.call_soon_threadsafe(self.reached.set)
        asyncio.run_coroutine_threadsafe(self.go.wait(), self._loop).result()


async def asked(iac: Iac, path: str, ancestor: str, commit: str) -> bool | None:
    return await iac.contains("iac", None, path, ancestor=ancestor, commit=commit)


@pytest.fixture
def rival(bare: Path, tmp_path: Path) -> Callable[[str], str]:
    """Another commit of somebody else, which writes the file."""
    return lambda file: rival_commit(bare, tmp_path / "rival", {file: "1"})


async def test_all_who_ask_while_a_look_is_under_way_share_the_next(
    remote: Iac, bare: Path, server: GitServer, rival: Callable[[str], str]
) -> None:
    first = git(bare, "rev-parse", "main")
    ours, newest = rival("a"), rival("b")
    held = Held()
    server.faults.append(Fault(FETCH, before=held))
    alone = asyncio.create_task(asked(remote, OTHER, first, ours))
    await held.reached.wait()
    unknown = [f"{number:040x}" for number in range(20)]
    others = [asyncio.create_task(asked(remote, OTHER, ours, commit)) for commit in (newest, *unknown)]
    await asyncio.sleep(0)
    held.go.set()

    assert await alone
    assert await asyncio.gather(*others) == [True, *[None] * 20]
    assert server.requests.count(FETCH) == 2 + 1  # what is there and then the commits; what is there


async def test_no_answer_is_from_a_look_that_began_before_the_question(
    remote: Iac, bare: Path, server: GitServer, rival: Callable[[str], str]
) -> None:
    first = git(bare, "rev-parse", "main")
    held = Held()
    server.faults.append(Fault(FETCH, after=held))
    early = asyncio.create_task(asked(remote, OTHER, first, "0" * 40))
    await held.reached.wait()
    late = asyncio.create_task(asked(remote, OTHER, first, rival("a")))
    await asyncio.sleep(0)
    held.go.set()

    assert await early is None
    assert await late


async def test_who_gives_up_waiting_disturbs_nobody_else(
    remote: Iac, bare: Path, server: GitServer, rival: Callable[[str], str]
) -> None:
    first, newest = git(bare, "rev-parse", "main"), rival("a")
    held = Held()
    server.faults.append(Fault(FETCH, before=held))
    impatient, patient = (asyncio.create_task(asked(remote, OTHER, first, newest)) for _ in range(2))
    await held.reached.wait()
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    held.go.set()

    assert impatient.cancelled()
    assert await patient
    assert server.requests.count(FETCH) == 2  # what is there, and then the commits


async def test_a_remote_that_is_away_keeps_nobody_from_what_is_known(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    ours = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    first = git(bare, "rev-parse", "main^")
    server.requests.clear()
    server.always = lambda service: Fault(service, status=503)
    questions = [(first, ours.commit), (first, "0" * 40), (first, "1" * 40)]
    answers = await asyncio.gather(*(asked(remote, OTHER, *one) for one in questions), return_exceptions=True)

    assert answers[0] is True
    for answer in answers[1:]:
        with pytest.raises(RemoteUnavailable, match="the IaC repository 'iac' does not answer: HTTP 503"):
            raise answer if isinstance(answer, Exception) else AssertionError(answer)
    assert server.requests == [FETCH]


async def test_a_folder_that_was_replaced_is_the_answer_to_those_who_asked_for_it(
    remote: Iac, clock: SkippingClock, rival: Callable[[str], str]
) -> None:
    ours = await remote.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    newest = rival(f"{WEB}/values.yaml")
    web, other = await asyncio.gather(
        asked(remote, WEB, ours.commit, newest), asked(remote, OTHER, ours.commit, newest), return_exceptions=True
    )

    assert other is True
    with pytest.raises(FolderReplaced, match=f"^commit {newest[:12]} put something else at '{WEB}'$"):
        raise web if isinstance(web, Exception) else AssertionError(web)


async def test_nobody_is_left_waiting_at_the_end(
    remote: Iac, bare: Path, server: GitServer, rival: Callable[[str], str]
) -> None:
    first, newest = git(bare, "rev-parse", "main"), rival("a")
    held = Held()
    server.faults.append(Fault(FETCH, before=held))
    begun = asyncio.create_task(asked(remote, OTHER, first, newest))
    await held.reached.wait()
    waiting = asyncio.create_task(asked(remote, WEB, first, newest))
    await asyncio.sleep(0)
    closing = asyncio.create_task(remote.__aexit__(None, None, None))
    await asyncio.wait([begun, waiting])
    held.go.set()
    await closing

    assert begun.cancelled()
    assert waiting.cancelled()
    with pytest.raises(RemoteUnavailable, match="the gateway is about to end"):
        await asked(remote, OTHER, first, newest)
