"""The whole way through the simulated Flux, Helm and controllers: nothing here writes a status."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from dag_gateway.clusters import Clusters
from dag_gateway.config import ClusterSettings, PatienceSettings
from dag_gateway.helm import Helm
from dag_gateway.iac.bare import create_bare
from dag_gateway.model.health import Health, Verdict
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal
from dag_gateway.simulator.cluster import simulated_cluster
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import TARGET
from tests.fakes.followed import followed
from tests.fakes.git_cli import rival_commit

PACE = 0.005
FOLDER = "clusters/production/web"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  progressDeadlineSeconds: 600
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: app
          image: {{ .Values.image }}
"""
SOURCE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "iac", "namespace": "flux-system"},
    "spec": {"interval": "1h", "ref": {"branch": "main"}},
}
RELEASE = {
    "apiVersion": "helm.toolkit.fluxcd.io/v2",
    "kind": "HelmRelease",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "interval": "1h",
        "timeout": "1m",
        "chart": {
            "spec": {
                "chart": FOLDER,
                "sourceRef": {"kind": "GitRepository", "name": "iac", "namespace": "flux-system"},
            }
        },
    },
}


def chart(version: str, image: str) -> dict[str, str]:
    metadata = {"apiVersion": "v2", "name": "web", "version": version}
    return {
        f"{FOLDER}/Chart.yaml": yaml.safe_dump(metadata),
        f"{FOLDER}/values.yaml": yaml.safe_dump({"image": image}),
        f"{FOLDER}/templates/deployment.yaml": DEPLOYMENT,
    }


@dataclass(frozen=True)
class Production:
    """A cluster with Flux on an IaC repository, where ``web`` 1.0.0 runs."""

    clusters: Clusters
    bare: Path
    worktree: Path

    async def deployed(self, version: str, image: str) -> list[Health]:
        """Pushes a chart and follows it to its end; what was told on the way."""
        baseline = await self.clusters.baseline(TARGET, FOLDER)
        commit = rival_commit(self.bare, self.worktree, chart(version, image))
        return await self.follow(commit, version, baseline)

    async def follow(self, commit: str, version: str, baseline: Baseline) -> list[Health]:
        async def contains(other: str) -> bool:
            return other == commit

        goal = Goal(commit, FOLDER, "web", version, baseline)
        async with followed(self.clusters.follow(replace(TARGET, nudge=True), goal, contains)) as rollout:
            await rollout.end()
        return rollout.told


@pytest.fixture
async def production(tmp_path: Path) -> AsyncIterator[Production]:
    async with opened(tmp_path) as (made, first):
        told = await made.follow(first, "1.0.0", Baseline())
        assert told[-1].verdict is Verdict.HEALTHY, told
        yield made


@asynccontextmanager
async def opened(folder: Path, **patience: str) -> AsyncIterator[tuple[Production, str]]:
    """``patience`` by the names of its settings, in simulated time."""
    bare = folder / "iac.git"
    first = create_bare(bare, files={path: text.encode() for path, text in chart("1.0.0", "web:1").items()})
    async with simulated_cluster(pace=PACE) as sim, Helm() as helm, sim.follow_flux(helm):
        source = {**SOURCE, "spec": {**SOURCE["spec"], "url": str(bare)}}  # type: ignore[dict-item]  # a mapping above
        await sim.apply(source, RELEASE)
        cluster = ClusterSettings(
            server=sim.url, token=SecretStr(sim.token), patience=PatienceSettings.model_validate(patience)
        )
        settings = {"production": cluster}
        async with Clusters(settings, FastClock(1 / PACE)) as clusters:
            yield Production(clusters, bare, folder / "worktree"), first


async def test_an_upgrade_is_proven_and_the_old_release_never_counts(production: Production) -> None:
    told = await production.deployed("1.1.0", "web:2")

    assert (told[-1].verdict, told[-1].message) == (Verdict.HEALTHY, "web: 2/2 pods ready")
    assert {health.verdict for health in told[:-1]} == {Verdict.PROGRESSING}
    assert await production.clusters.baseline(TARGET, FOLDER) == Baseline("1.1.0", 2)


@pytest.mark.parametrize(
    ("image", "reason", "words"),
    [
        (
            "web:2-crash",
            Reason.CRASH_LOOP,
            " restarts, Error, exit code 1\nlast lines:\n  app: ",
        ),
        ("web:2-oom", Reason.CRASH_LOOP, "out of memory (OOMKilled), exit code 137"),
        ("web:2-missing", Reason.IMAGE_PULL, "container app: "),
        ("web:2-bad-config", Reason.CONFIG_ERROR, "CreateContainerConfigError"),
        ("web:2-invalid-image", Reason.IMAGE_PULL, "InvalidImageName"),
        ("web:2-unschedulable", Reason.UNSCHEDULABLE, "can not be scheduled"),
    ],
)
async def test_pods_that_can_not_start_fail_the_rollout_with_the_reason(
    production: Production, image: str, reason: Reason, words: str
) -> None:
    end = (await production.deployed("1.1.0", image))[-1]

    assert end.reason is reason, end
    assert words in end.message
    assert "pod web-" in end.message


async def test_what_mends_itself_is_waited_for(tmp_path: Path) -> None:
    # The default of 20 s is a tenth of a second here, which a busy machine may lose.
    async with opened(tmp_path, image_pull="10m") as (production, first):
        await production.follow(first, "1.0.0", Baseline())
        for version, image in (("1.1.0", "web:2-flaky-pull"), ("1.2.0", "web:3-crash-once"), ("1.3.0", "web:4-slow")):
            assert (await production.deployed(version, image))[-1].verdict is Verdict.HEALTHY


async def test_a_broken_release_is_mended_by_the_next_one(production: Production) -> None:
    assert (await production.deployed("1.1.0", "web:2-crash"))[-1].verdict is Verdict.FAILED

    told = await production.deployed("1.2.0", "web:3")
    assert {health.verdict for health in told[:-1]} == {Verdict.PROGRESSING}
    assert (told[-1].verdict, told[-1].message) == (Verdict.HEALTHY, "web: 2/2 pods ready")


async def test_a_chart_that_flux_can_not_build_fails_the_rollout(production: Production) -> None:
    end = (await production.deployed("not-semver", "web:2"))[-1]

    assert end.reason is Reason.STALLED
    assert "HelmChart flux-system/shop-web can not be built" in end.message
