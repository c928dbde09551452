"""A gateway process in the middle of its rollouts: its database is written before it starts."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dag_gateway.clock import SystemClock
from dag_gateway.iac.bare import create_bare
from dag_gateway.model.deployment import Destination, Status, fresh_targets
from dag_gateway.model.event import status_news
from dag_gateway.model.target import Target, Tracker
from dag_gateway.store import Database, DeploymentStore, upgrade
from tests.fakes.deployments import IDENTITY, a_deployment
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.git_cli import rival_commit

from .rollout_cluster import ClusterProcess, cluster_process
from .rollout_objects import VERSION, name_of, namespace_of, path_of
from .rollout_streams import Stream, listening

_TO_MONITORING = (Status.VALIDATING, Status.PUSHING, Status.PUSHED, Status.MONITORING)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Place:
    """Where the gateway process is started."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder}/gateway.db"

    @property
    def repository(self) -> Path:
        return self.folder / "iac.git"

    def commit(self) -> str:
        """Another commit, which touches no chart."""
        return rival_commit(self.repository, self.folder / "worktree", {"README.md": os.urandom(8).hex()})


@dataclass
class Scene:
    """``commit`` is what all rollouts wait for."""

    place: Place
    cluster: ClusterProcess
    gateway: GatewayProcess
    streams: list[Stream]
    commit: str

    @property
    def process(self) -> Path:
        assert self.gateway.process
        return Path(f"/proc/{self.gateway.process.pid}")

    def cpu_seconds(self) -> float:
        """Of the gateway process, user and system, since it began."""
        fields = (self.process / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_kib(self) -> int:
        lines = (self.process / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@asynccontextmanager
async def scene(folder: Path, targets: int) -> AsyncIterator[Scene]:
    """Cluster, gateway and one listener per deployment, once every deployment is followed."""
    place = Place(folder)
    charts = {f"{path_of(number)}/Chart.yaml": _chart(number) for number in range(targets)}
    create_bare(place.repository, files={name: text.encode() for name, text in charts.items()})
    commit = place.commit()
    async with cluster_process() as cluster:
        await cluster.ask("seed", targets=targets, commit=commit)
        place.config = _config(place, cluster)
        ids = await _written(place, targets, commit)
        gateway = GatewayProcess(place)
        await gateway.start()
        try:
            async with listening(gateway.url, ids) as streams:
                await asyncio.gather(*(stream.told("step 0", "pods ready") for stream in streams))
                yield Scene(place, cluster, gateway, streams, commit)
        finally:
            gateway.kill()
            await gateway.gone()


async def _written(place: Place, targets: int, commit: str) -> Sequence[str]:
    """The ids of the deployments, all in ``monitoring``."""
    async with Database(place.database) as database:
        await upgrade(database)
        store = DeploymentStore(database)
        return [await _monitored(store, number, commit) for number in range(targets)]


async def _monitored(store: DeploymentStore, number: int, commit: str) -> str:
    now = SystemClock().now()
    where, name = namespace_of(number), name_of(number)
    fresh = a_deployment(
        id=f"01890a5d-ac96-774b-bcce-{number:012x}",
        number=0,
        environment=name,
        identity=replace(IDENTITY, job_id=str(number)),
        destination=Destination("iac", None, path_of(number)),
        chart_name=name,
        accepted_at=now,
        targets=fresh_targets([Target("prod", where, name, Tracker.FLUX, where, name, timeout=3600.0)]),
    )
    old = await store.accept(fresh, b"", status_news(fresh, now))
    for status in _TO_MONITORING:
        new = old.after(status, "on its way", commit=commit, chart_version=VERSION)
        await store.record(old, new, [status_news(new, now)], lease=0)
        old = new
    return old.id


def _config(place: Place, cluster: ClusterProcess) -> dict[str, Any]:
    target = {"cluster": "prod", "namespace": "team-0", "tracker": "helm", "release": "app-0"}
    environment = {"branch": "main", "repository": "iac", "path": path_of(0), "targets": [target]}
    app = {"repo_url": "http://127.0.0.1:9/shop/web", "forge": "git", "environments": {"production": environment}}
    return {
        "database": {"url": place.database},
        "data_dir": str(place.folder / "data"),
        "forges": {"git": {"kind": "gitlab", "url": "http://127.0.0.1:9"}},
        "repositories": {"iac": {"url": str(place.repository)}},
        "clusters": {"prod": {"server": cluster.url, "token": cluster.token}},
        "apps": {"web": app},
    }


def _chart(number: int) -> str:
    return f"apiVersion: v2\nname: {name_of(number)}\nversion: {VERSION}\n"
