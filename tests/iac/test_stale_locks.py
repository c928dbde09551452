"""Locks that writers left behind in a repository on this machine."""

import os
from pathlib import Path

import pytest

from dag_gateway.iac import Iac
from tests.fakes.git_cli import git
from tests.fakes.iac_changes import deploy
from tests.fakes.skipping_clock import SkippingClock


def commits(bare: Path, branch: str = "main") -> list[str]:
    """Newest first."""
    return git(bare, "rev-list", branch).split()


async def test_an_old_lock_of_a_dead_writer_is_broken(
    local: Iac, bare: Path, clock: SkippingClock, caplog: pytest.LogCaptureFixture
) -> None:
    lock = bare / "refs/heads/main.lock"
    lock.touch()
    os.utime(lock, (clock.start.timestamp() - 40.5, clock.start.timestamp() - 40.5))
    published = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert commits(bare)[0] == published.commit
    assert "removed the lock main.lock of the IaC repository 'iac', 40 s old" in caplog.text


async def test_a_young_lock_belongs_to_a_rival_and_is_waited_for(local: Iac, bare: Path, clock: SkippingClock) -> None:
    lock = bare / "refs/heads/main.lock"
    lock.touch()
    clock.on_sleep = lambda: lock.unlink(missing_ok=True)
    published = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(60))
    assert commits(bare)[0] == published.commit
    assert len(clock.slept) == 1


async def test_a_lock_that_stays_does_not_block_for_ever(local: Iac, bare: Path, clock: SkippingClock) -> None:
    (bare / "refs/heads/main.lock").touch()
    published = await local.publish("iac", None, deploy("d-1"), deadline=clock.within(120))
    assert commits(bare)[0] == published.commit
    assert 29 < sum(clock.slept) < 40
