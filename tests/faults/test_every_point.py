"""kill -9 wherever a gateway touches the outside, one life per point; the next life brings it to the same end."""

import os
import re
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path

import pytest

from dag_gateway.store import Database, upgrade
from tests.fakes.fault_scene import scene
from tests.fakes.fault_stages import stage
from tests.fakes.fault_trial import Trial
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PostgresServer
from tests.fakes.world import IAC_PATH

ROLLED_OUT = ("ok", ("deployed", None))
CRASHING = ("crash", ("failed", "crash_loop"))
CRASHES = 30
"""More than there are."""
FILES = {"README.md"} | {f"{IAC_PATH}/{name}" for name in ("Chart.yaml", "values.yaml", "templates/deployment.yaml")}
KNOWN = {
    "door: upload came",
    "new: store.accept before COMMIT",
    "new: store.accept answered",
    "door: http.response.start",
    "new: UPDATE deployments before COMMIT",
    "validating: helm.check asked",
    "validating: clusters.baseline answered",
    "pushing: iac.publish asked",
    "git: git-receive-pack sent",
    "git: git-receive-pack about to be answered",
    "pushing: store.record(pushed) before COMMIT",
    "monitoring: clusters.follow begun",
    "monitoring: store.record(target deployed) answered",
    "monitoring: store.record(deployed) before COMMIT",
}
"""Some of the points, so that a proxy which no longer stands in the way is missed."""


_WRITES = re.compile(r"COMMIT$|(accept|record\(.*\)|publish) answered$|git-receive-pack|PATCH")


async def kill_everywhere(trial: Trial, points: Sequence[str], subtests: pytest.Subtests) -> None:
    missed = []
    for point in points:
        with subtests.test(point):
            if not await trial.killed_at(point):
                missed.append(point)
    assert len(missed) <= len(points) // 10, f"these were passed only by chance: {missed}"


async def test_one_gateway_on_sqlite(tmp_path: Path, subtests: pytest.Subtests) -> None:
    url = f"sqlite:///{tmp_path}/gateway.db"
    async with Database(url) as database:
        await upgrade(database)
    async with scene(tmp_path, url, stages=CRASHES) as one:
        trial = Trial(one, *ROLLED_OUT, repeat("production"))
        points = await trial.points()
        assert set(points) >= KNOWN
        await kill_everywhere(trial, points, subtests)
        assert set(one.ledger.paths()) == FILES
        # Flux tries an upgrade for long, and each of these has to begin at once.
        crashing = Trial(one, *CRASHING, map(stage, range(CRASHES)))
        await kill_everywhere(crashing, [point for point in await crashing.points() if point not in points], subtests)


@needs(INITDB)
async def test_the_other_gateway_goes_on_where_one_was_killed(
    tmp_path: Path, postgres: PostgresServer, subtests: pytest.Subtests
) -> None:
    async with scene(tmp_path, await postgres.new_database(), gateways=2) as two:
        trial = Trial(two, *ROLLED_OUT, repeat("production"))
        points = await trial.points()
        assert set(points) >= KNOWN
        await kill_everywhere(trial, points if "DAG_FAULTS" in os.environ else _that_write(points), subtests)
        assert set(two.ledger.paths()) == FILES


def _that_write(points: Sequence[str]) -> Sequence[str]:
    """Those around everything that lasts. At the others the two gateways and the one of the other test are alike."""
    return [point for point in points if _WRITES.search(point)]
