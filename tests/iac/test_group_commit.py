"""What waits for one branch goes out in one push: one commit each, in order, and what is wrong with one fails alone."""

import asyncio
import itertools
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from dag_gateway.clock import SystemClock
from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Change, Edit, Folder, Iac, Published, RemoteUnavailable
from dag_gateway.iac.refusal import PushRefused
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.git_cli import git, install_hook, rival_commit
from tests.fakes.git_http import FETCH, PUSH, REFS, Fault, GitServer
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


class Gate:
    """Holds a push at the server until it is opened."""

    def __init__(self, server: GitServer) -> None:
        self._reached = asyncio.Event()
        self._opened = threading.Event()
        self._loop = asyncio.get_running_loop()
        server.faults.append(Fault(PUSH, before=self._hold))

    def _hold(self) -> None:
        self._loop.call_soon_threadsafe(self._reached.set)
        assert self._opened.wait(60)

    async def reached(self) -> None:
        await self._reached.wait()

    def open(self) -> None:
        self._opened.set()


Work = asyncio.Task[Published]


async def queued(iac: Iac, clock: SkippingClock, changes: Sequence[Change], seconds: float = 60) -> list[Work]:
    """Tasks that have all asked for their publication."""
    deadline = clock.within(seconds)
    tasks = [asyncio.create_task(iac.publish("iac", None, change, deadline=deadline)) for change in changes]
    await asyncio.sleep(0)
    return tasks


async def behind_a_push(
    iac: Iac, server: GitServer, clock: SkippingClock, changes: Sequence[Change]
) -> list[Published | BaseException]:
    """What becomes of changes that came while another push was under way. Clears the requests before they go."""
    gate = Gate(server)
    (first,) = await queued(iac, clock, [deploy("first", "first")])
    await gate.reached()
    tasks = await queued(iac, clock, changes)
    server.requests.clear()
    gate.open()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


def ids(bare: Path) -> list[str]:
    """The deployments in the branch, oldest first."""
    form = "--format=%(trailers:key=Deployment-Id,valueonly,separator=)"
    return [line for line in git(bare, "log", "--reverse", form, "main").splitlines() if line]


async def test_all_that_waits_is_one_push_with_a_commit_each_in_the_order_of_the_calls(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    changes = [deploy(f"d-{number}", f"clusters/test/web-{number}") for number in range(20)]
    published = await behind_a_push(remote, server, clock, changes)
    assert server.requests == [REFS, PUSH]
    assert ids(bare) == ["first", *(f"d-{number}" for number in range(20))]
    for number, one in enumerate(published):
        assert isinstance(one, Published)
        assert git(bare, "show", f"{one.commit}:clusters/test/web-{number}/Chart.yaml").endswith(f"1.0.0+d-{number}")
        assert git(bare, "diff", "--name-only", f"{one.commit}^", one.commit).split() == [
            f"clusters/test/web-{number}/Chart.yaml",
            f"clusters/test/web-{number}/values.yaml",
        ]
    assert git(bare, "rev-list", "--min-parents=2", "main") == ""
    assert git(bare, "fsck", "--strict") == ""


async def test_two_deployments_of_one_path_are_two_commits_and_the_later_one_stays(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    seen: list[Folder | None] = []

    def build(current: Folder | None) -> Edit:
        seen.append(current)
        return Edit({"Chart.yaml": b"second"}, "second\n\nDeployment-Id: d-2\n")

    await behind_a_push(remote, server, clock, [deploy("d-1", "x", {"Chart.yaml": b"one"}), Change("d-2", "x", build)])
    assert server.requests == [REFS, PUSH]
    assert seen[-1] is not None
    assert seen[-1].files == {"Chart.yaml": b"one"}
    assert git(bare, "show", "main:x/Chart.yaml") == "second"
    assert git(bare, "show", "main^:x/Chart.yaml") == "one"


async def test_one_deployment_that_is_asked_for_twice_is_one_commit(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    one, other = await behind_a_push(remote, server, clock, [deploy("d-1"), deploy("d-1")])
    assert one == other
    assert ids(bare) == ["first", "d-1"]


async def test_content_that_an_earlier_one_of_the_push_brought_is_followed_there(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    same = {"Chart.yaml": b"same"}
    changes = [deploy("d-1", "x", same), deploy("d-2", "y"), deploy("d-3", "x", same)]
    first, _, again = await behind_a_push(remote, server, clock, changes)
    assert isinstance(first, Published)
    assert isinstance(again, Published)
    assert (again.commit, again.changed) == (first.commit, False)
    assert ids(bare) == ["first", "d-1", "d-2"]


def _fails(_: Folder | None) -> Edit:
    raise ZeroDivisionError("a mistake")


@pytest.mark.parametrize(
    ("bad", "kind", "text"),
    [
        (deploy("bad", "README.md/web"), StepFailed, "'README.md' in the repository is a file; a path leads through"),
        (deploy("bad", "../x"), StepFailed, r"refused because of its part '\.\.'"),
        (deploy("bad", "x", {"a": b"", "a/b": b""}), StepFailed, "'a/b' can not be stored"),
        (Change("bad", "x", _fails), ZeroDivisionError, "a mistake"),
    ],
)
async def test_a_bad_edit_fails_alone_and_costs_the_others_nothing(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, bad: Change, kind: type[Exception], text: str
) -> None:
    changes = [deploy("d-1", "a/1"), bad, deploy("d-2", "a/2")]
    before, failed, after = await behind_a_push(remote, server, clock, changes)
    assert isinstance(before, Published)
    assert isinstance(after, Published)
    assert isinstance(failed, kind)
    with pytest.raises(kind, match=text):
        raise failed
    assert server.requests == [REFS, PUSH]
    assert ids(bare) == ["first", "d-1", "d-2"]


_NO_SECRETS = """
while read old new ref; do
    for commit in $(git rev-list $old..$new); do
        if git grep --quiet forbidden $commit -- ; then echo "policy: $ref holds what is forbidden" >&2; exit 1; fi
    done
done
"""


async def test_what_a_hook_does_not_want_fails_alone_with_what_the_hook_said(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    install_hook(bare, "pre-receive", _NO_SECRETS)
    changes = [deploy(f"d-{number}", f"a/{number}") for number in range(8)]
    changes[4] = deploy("d-4", "a/4", {"values.yaml": b"password: forbidden\n"})
    outcomes = await behind_a_push(remote, server, clock, changes)
    failed = outcomes.pop(4)
    assert isinstance(failed, StepFailed)
    assert failed.reason is Reason.PUSH_REJECTED
    assert "policy: refs/heads/main holds what is forbidden" in failed.message
    assert all(isinstance(one, Published) for one in outcomes)
    assert ids(bare) == ["first", "d-0", "d-1", "d-2", "d-3", "d-5", "d-6", "d-7"]
    assert server.requests.count(PUSH) == 7  # 8 changes, then 4, 4, 2, 1, 1, 2
    assert server.requests.count(FETCH) == 0


async def test_a_hook_that_wants_nothing_costs_little_more_than_a_push_for_each(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    install_hook(bare, "pre-receive", "git rev-parse --verify --quiet main:first >/dev/null || exit 0; exit 1")
    gate = Gate(server)
    (first,) = await queued(remote, clock, [deploy("first", "first")])
    await gate.reached()
    tasks = await queued(remote, clock, [deploy(f"d-{number}", f"a/{number}") for number in range(16)])
    server.requests.clear()
    gate.open()
    await first
    for failed in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(failed, StepFailed)
        assert failed.message.endswith("rejected the push: pre-receive hook declined")
    assert server.requests.count(PUSH) == 4 + 16  # 16 changes, then 8, 4, 2, and each of them alone
    assert ids(bare) == ["first"]


@pytest.mark.parametrize("words", ["GitLab: You are not allowed to push code to protected branches on this project."])
async def test_a_branch_that_is_closed_to_the_gateway_ends_all_of_them_at_once(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, words: str
) -> None:
    hook = f"git rev-parse --verify --quiet main:first >/dev/null || exit 0; echo '{words}' >&2; exit 1"
    install_hook(bare, "pre-receive", hook)
    outcomes = await behind_a_push(remote, server, clock, [deploy(f"d-{number}", f"a/{number}") for number in range(9)])
    for failed in outcomes:
        assert isinstance(failed, StepFailed)
        assert failed.reason is Reason.PUSH_REJECTED
        assert words in failed.message
    assert server.requests == [REFS, PUSH]


async def test_refused_credentials_end_all_of_them_at_the_first_no(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    gate = Gate(server)
    (first,) = await queued(remote, clock, [deploy("first", "first")])
    await gate.reached()
    tasks = await queued(remote, clock, [deploy(f"d-{number}", f"a/{number}") for number in range(5)])
    server.requests.clear()
    server.faults.append(Fault(PUSH, status=403))
    gate.open()
    await first
    for failed in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(failed, StepFailed)
        assert "refused the credentials with HTTP 403" in failed.message
    assert server.requests == [REFS, PUSH]
    assert ids(bare) == ["first"]


async def test_a_lost_race_is_run_again_by_all_of_them_together(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    gate = Gate(server)
    (first,) = await queued(remote, clock, [deploy("first", "first")])
    await gate.reached()
    tasks = await queued(remote, clock, [deploy(f"d-{number}", f"a/{number}") for number in range(5)])
    server.faults.append(Fault(PUSH, before=lambda: rival_commit(bare, tmp_path / "rival", {"rival": "1"})))
    server.requests.clear()
    gate.open()
    await asyncio.gather(first, *tasks)
    assert ids(bare) == ["first", "d-0", "d-1", "d-2", "d-3", "d-4"]
    assert git(bare, "show", "main:rival") == "1"
    assert server.requests == [REFS, PUSH, FETCH, FETCH, REFS, PUSH]  # a race, ls-refs and fetch, and it is in
    assert clock.slept == [0.0]


async def test_who_loses_races_again_and_again_pushes_less_at_a_time_and_gets_through(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock, tmp_path: Path
) -> None:
    rivals = itertools.count()

    def rival() -> None:
        rival_commit(bare, tmp_path / "rival", {"rival": str(next(rivals))})

    def slow(number: int) -> Change:
        """Only two of these can be built before the rival pushes again."""
        content = deploy(f"d-{number}", f"a/{number}")

        def build(current: Folder | None) -> Edit:
            built.append(number)
            if len(built) % 3 == 0:
                rival()
            return content.build(current)

        return Change(content.deployment_id, content.path, build)

    built: list[int] = []
    await behind_a_push(remote, server, clock, [slow(number) for number in range(8)])
    assert sorted(ids(bare)[1:]) == [f"d-{number}" for number in range(8)]
    assert ids(bare)[1:] == [f"d-{number}" for number in range(8)]


async def test_nobody_waits_for_ever_when_the_gateway_closes_in_the_middle_of_the_halves(
    server: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    install_hook(bare, "pre-receive", "exit 1")
    async with Iac({"iac": server.settings()}, tmp_path / "data", clock) as iac:
        tasks = await queued(iac, clock, [deploy(f"d-{number}", f"a/{number}") for number in range(8)])
        second = Gate(server)
        server.faults.insert(0, Fault(PUSH))
        await second.reached()
        asyncio.get_running_loop().call_later(0.05, second.open)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {asyncio.CancelledError, StepFailed, PushRefused}
    with pytest.raises(RemoteUnavailable, match="the gateway is about to end"):
        await iac.publish("iac", None, deploy("late"), deadline=clock.within(60))
    with pytest.raises(RemoteUnavailable, match="the gateway is about to end"):
        await iac.read("iac", None, "x")


async def test_who_stops_waiting_before_its_turn_is_not_published(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    gate = Gate(server)
    (first,) = await queued(remote, clock, [deploy("first", "first")])
    await gate.reached()
    gone, stays = await queued(remote, clock, [deploy("gone", "a/1"), deploy("stays", "a/2")])
    gone.cancel()
    gate.open()
    await asyncio.gather(first, stays)
    assert gone.cancelled()
    assert ids(bare) == ["first", "stays"]


async def test_who_stops_waiting_in_the_middle_of_a_push_finds_it_done(
    remote: Iac, bare: Path, server: GitServer, clock: SkippingClock
) -> None:
    gate = Gate(server)
    (gone,) = await queued(remote, clock, [deploy("gone", "a/1")])
    await gate.reached()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    (stays,) = await queued(remote, clock, [deploy("stays", "a/2")])
    gate.open()
    await stays
    again = await remote.publish("iac", None, deploy("gone", "a/1"), deadline=clock.within(60))
    assert again.changed
    assert ids(bare) == ["gone", "stays"]


async def test_who_runs_out_of_time_behind_others_is_told_so_and_not_published(
    server: GitServer, bare: Path, tmp_path: Path
) -> None:
    clock = SystemClock()
    async with Iac({"iac": server.settings()}, tmp_path / "data", clock) as iac:
        gate = Gate(server)
        patient = clock.now() + timedelta(minutes=2)
        first = asyncio.create_task(iac.publish("iac", None, deploy("first", "first"), deadline=patient))
        await gate.reached()
        hasty = clock.now() + timedelta(milliseconds=50)
        with pytest.raises(StepFailed, match="the deadline passed while earlier changes went to the IaC") as e:
            await iac.publish("iac", None, deploy("hasty", "a/1"), deadline=hasty)
        gate.open()
        await first
        await iac.publish("iac", None, deploy("last", "a/2"), deadline=patient)
    assert e.value.reason is Reason.TIMEOUT
    assert ids(bare) == ["first", "last"]


async def test_more_than_fit_into_one_push_go_in_several(bare: Path, clock: SkippingClock, tmp_path: Path) -> None:
    registry = CollectorRegistry()
    changes = [deploy(f"d-{number}", f"a/{number}", {"Chart.yaml": b"%d" % number}) for number in range(130)]
    async with Iac({"iac": RepositorySettings(url=str(bare))}, tmp_path / "data", clock, registry) as iac:
        await asyncio.gather(*await queued(iac, clock, changes))
    assert ids(bare) == [change.deployment_id for change in changes]
    assert registry.get_sample_value("dag_git_batch_size_count") == 2
    assert registry.get_sample_value("dag_git_batch_size_sum") == 130


async def test_the_metrics_tell_what_was_done(
    server: GitServer, bare: Path, clock: SkippingClock, tmp_path: Path
) -> None:
    registry = CollectorRegistry()

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    async with Iac({"iac": server.settings()}, tmp_path / "data", clock, registry) as iac:
        await behind_a_push(iac, server, clock, [deploy(f"d-{number}", f"a/{number}") for number in range(3)])
        server.faults.append(Fault(PUSH, before=lambda: rival_commit(bare, tmp_path / "rival", {"rival": "1"})))
        server.faults.append(Fault(PUSH, status=503))
        await iac.publish("iac", None, deploy("d-4"), deadline=clock.within(60))
        server.faults.append(Fault(PUSH, status=403))
        with pytest.raises(StepFailed, match="refused the credentials"):
            await iac.publish("iac", None, deploy("d-5"), deadline=clock.within(60))
    attempts = {
        result: value("dag_git_push_attempts_total", result=result)
        for result in ("pushed", "race", "unreachable", "refused")
    }
    assert attempts == {"pushed": 3, "race": 1, "unreachable": 1, "refused": 1}
    assert value("dag_git_push_seconds_count") == 6
    assert (value("dag_git_batch_size_count"), value("dag_git_batch_size_sum")) == (3, 5)
    assert value("dag_git_fetch_seconds_count") == 3
