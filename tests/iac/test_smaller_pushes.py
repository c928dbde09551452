"""When fewer changes go in one push: one of them is refused, they are too many for the remote, or too large."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Change, Iac, Published
from dag_gateway.iac.writer import LARGEST
from dag_gateway.model.reason import StepFailed
from tests.fakes.git_cli import git, install_hook
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


async def together(iac: Iac, clock: SkippingClock, changes: Sequence[Change]) -> list[Published | BaseException]:
    """What becomes of changes that all wait before the first push."""
    deadline = clock.within(60)
    asked = (iac.publish("iac", None, change, deadline=deadline) for change in changes)
    return await asyncio.gather(*asked, return_exceptions=True)


def ids(bare: Path) -> list[str]:
    """The deployments in the branch, oldest first."""
    form = "--format=%(trailers:key=Deployment-Id,valueonly,separator=)"
    return [line for line in git(bare, "log", "--reverse", form, "main").splitlines() if line]


_POLICY = """
while read old new ref; do
    if git grep --quiet forbidden $new -- ; then echo "policy: {words}" >&2; exit 1; fi
done
"""


@pytest.mark.parametrize(
    "words",
    [
        "the root filesystem of container web must be read-only",
        "access denied to registry.example.com",
        "the source is not a protected branch",
    ],
)
async def test_a_policy_that_speaks_as_if_of_the_branch_refuses_only_what_it_means(
    remote: Iac, bare: Path, clock: SkippingClock, words: str
) -> None:
    install_hook(bare, "pre-receive", _POLICY.format(words=words))
    changes = [deploy(f"d-{number}", f"a/{number}") for number in range(5)]
    changes[2] = deploy("d-2", "a/2", {"values.yaml": b"forbidden\n"})
    outcomes = await together(remote, clock, changes)
    failed = outcomes.pop(2)
    assert isinstance(failed, StepFailed)
    assert failed.message.endswith(f"rejected the push: pre-receive hook declined\npolicy: {words}")
    assert all(isinstance(one, Published) for one in outcomes)
    assert ids(bare) == ["d-0", "d-1", "d-3", "d-4"]


_TAKES_THREE = """
while read old new ref; do
    [ $(git rev-list --count $old..$new) -le 3 ] || kill -9 $PPID
done
"""


async def test_a_push_that_the_remote_never_comes_to_the_end_of_goes_in_smaller_ones(
    remote: Iac, bare: Path, clock: SkippingClock
) -> None:
    install_hook(bare, "pre-receive", _TAKES_THREE)
    changes = [deploy(f"d-{number}", f"a/{number}") for number in range(12)]
    outcomes = await together(remote, clock, changes)
    assert all(isinstance(one, Published) for one in outcomes), outcomes
    assert ids(bare) == [change.deployment_id for change in changes]


async def test_what_is_large_goes_alone_and_keeps_its_place(bare: Path, clock: SkippingClock, tmp_path: Path) -> None:
    registry = CollectorRegistry()
    sizes = [0, LARGEST + 1, LARGEST // 2, LARGEST // 2, 1]
    changes = [replace(deploy(f"d-{number}", f"a/{number}"), size=size) for number, size in enumerate(sizes)]
    async with Iac({"iac": RepositorySettings(url=str(bare))}, tmp_path / "data", clock, registry) as iac:
        await together(iac, clock, changes)
    assert ids(bare) == [change.deployment_id for change in changes]
    assert registry.get_sample_value("dag_git_batch_size_count") == 4
