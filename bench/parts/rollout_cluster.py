"""The simulated cluster in a process of its own, changed as the benchmark asks: one JSON line in, one out."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.kinds import Key

from . import rollout_objects as objects

Stamp = dict[str, Any]
"""A change: ``target`` and ``kind``, ``at`` on CLOCK_MONOTONIC, its ``version``, and the ``text`` that it leads to."""

_ROOT = Path(__file__).parents[2]
_LONGEST_LINE = 2**24


class Stage:
    """What runs on the cluster. Even targets are with Helm, odd ones have pods that get ready."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._steps: dict[int, int] = {}
        self._targets = 0

    async def seed(self, targets: int, commit: str) -> None:
        """Every target under way, and nothing that moves by itself."""
        self._targets = targets
        await self._cluster.apply(objects.repository(commit))
        for number in range(targets):
            busy = number % 2 == 0
            await self._cluster.apply(objects.chart(number, commit), objects.release(number))
            if not busy:
                self._set(objects.release_key(number), objects.released(number))
            await self._cluster.apply(objects.deployment(number, complete=busy))
            owner = self._cluster.registry.read(objects.deployment_key(number))
            await self._cluster.apply(objects.replica_set(number, owner))
            key = Key(kinds.REPLICA_SET, objects.namespace_of(number), f"{objects.name_of(number)}-1")
            await self._cluster.apply(*objects.pods(number, self._cluster.registry.read(key), ready=busy))

    async def load(self, rounds: int, rate: float) -> list[Stamp]:
        """``rounds`` changes of every target in turn, ``rate`` of them a second."""
        changes = [number for _ in range(rounds) for number in range(self._targets)]
        return await _evenly([partial(self._progress, number) for number in changes], rate)

    async def burst(self) -> list[Stamp]:
        """One change of every target, as fast as this process can."""
        return [self._progress(number) for number in range(self._targets)]

    async def fetch(self, commit: str, changes: int) -> list[Stamp]:
        """Another commit is fetched, which concerns everybody; right behind it some targets change."""
        key = Key(kinds.GIT_REPOSITORY, "flux-system", "iac")
        status = self._cluster.registry.read(key)["status"]
        self._set(key, {**status, **objects.artifact(f"main@sha1:{commit}")})
        return [self._progress(number) for number in range(changes)]

    async def end(self, rate: float) -> list[Stamp]:
        """The last change of every target, after which it is live and healthy."""
        for number in range(1, self._targets, 2):
            for pod in range(objects.PODS):
                self._set(objects.pod_key(number, pod), objects.pod_status(ready=True))
        await asyncio.sleep(2)  # what the pods lead to is told by then
        return await _evenly([partial(self._end, number) for number in range(self._targets)], rate)

    async def strangers(self, count: int) -> None:
        """Pods that belong to nobody's rollout."""
        for number in range(count):
            key = Key(kinds.POD, objects.namespace_of(number), f"stranger-{number}")
            await self._cluster.apply(objects.pod(key, {"app": f"stranger-{number}"}, None, ready=True))

    async def watches(self) -> int:
        """How many are open."""
        return self._cluster.open_watches

    def _progress(self, number: int) -> Stamp:
        step = self._steps[number] = self._steps.get(number, 0) + 1
        if number % 2 == 0:
            text = f"step {step}"
            return self._stamped(
                "HelmRelease", number, text, objects.release_key(number), objects.rolling_out(number, text)
            )
        ready = step % 2 == 1
        text = f"{int(ready)}/{objects.PODS} pods ready"
        return self._stamped("Pod", number, text, objects.pod_key(number, 0), objects.pod_status(ready=ready))

    def _end(self, number: int) -> Stamp:
        if number % 2 == 0:
            return self._stamped("end", number, "deployed", objects.release_key(number), objects.released(number))
        status = objects.deployment_status(complete=True)
        return self._stamped("end", number, "deployed", objects.deployment_key(number), status)

    def _stamped(self, kind: str, number: int, text: str, key: Key, status: dict[str, Any]) -> Stamp:
        at = time.monotonic()
        return {"target": number, "kind": kind, "text": text, "at": at, "version": self._set(key, status)}

    def _set(self, key: Key, status: dict[str, Any]) -> str:
        written = self._cluster.registry.set_status(key, status)
        return str(written["metadata"]["resourceVersion"])


async def _evenly(changes: list[Callable[[], Stamp]], rate: float) -> list[Stamp]:
    began, stamps = time.monotonic(), []
    for number, change in enumerate(changes):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        stamps.append(change())
    return stamps


async def serve() -> None:
    """Until stdin ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with simulated_cluster(controllers=False) as cluster:
        stage = Stage(cluster)
        known: Mapping[str, Callable[..., Awaitable[Any]]] = {
            task.__name__: task
            for task in (stage.seed, stage.load, stage.burst, stage.fetch, stage.end, stage.strangers, stage.watches)
        }
        print(json.dumps({"url": cluster.url, "token": cluster.token}), flush=True)
        async for line in reader:
            command = json.loads(line)
            print(json.dumps(await known[command.pop("task")](**command)), flush=True)


@dataclass(frozen=True)
class ClusterProcess:
    """The other end of ``serve``."""

    process: asyncio.subprocess.Process
    url: str
    token: str

    async def ask(self, task: str, **arguments: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"task": task, **arguments}).encode() + b"\n")
        return json.loads(await self.process.stdout.readline())


@asynccontextmanager
async def cluster_process() -> AsyncIterator[ClusterProcess]:
    """Runs as long as the block does."""
    command = (sys.executable, "-m", "bench.parts.rollout_cluster")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=_ROOT, limit=_LONGEST_LINE)
    assert process.stdin
    assert process.stdout
    try:
        yield ClusterProcess(process, **json.loads(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(serve())
