"""How long a deployment takes from the upload to `deployed`, beside the same change pushed by hand.

The peer is the least that a rollout can take here: a ready worktree, `git commit` and `git push` with the git CLI, the
same nudge to Flux, and a look at the cluster's objects in memory. Both go through the same simulated cluster.
"""

import asyncio
import logging
import os
import platform
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import structlog
from rich.console import Console
from rich.table import Table

from dag_gateway.charts import stamp
from dag_gateway.simulator import kinds
from tests.fakes.git_cli import git
from tests.fakes.world import IAC_PATH, Surroundings, World, a_chart, gateway, image_files, surroundings

ROUNDS = 20
SOURCE = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/iac"


async def by_gateway(running: World, number: int) -> float:
    """Seconds from the upload to the end of the stream."""
    packed = a_chart(f"1.27.{number}")
    began = time.perf_counter()
    answer = await running.upload(packed, f"1.0.{number}")
    deployment_id = answer.json()["deploymentId"]
    async with running.http.stream("GET", f"/api/deployments/{deployment_id}/events") as stream:
        async for _ in stream.aiter_raw():
            pass
    seconds = time.perf_counter() - began
    record = await running.record(deployment_id)
    if record["status"] != "deployed":
        raise RuntimeError(record["message"])
    return seconds


async def by_hand(around: Surroundings, http: httpx.AsyncClient, worktree: Path, number: int) -> float:
    """Seconds from writing the files to the HelmRelease that holds the version and is Ready."""
    version = f"2.0.{number}"
    began = time.perf_counter()
    await asyncio.to_thread(_commit_and_push, worktree, stamp(image_files(f"1.27.{number}"), version), version)
    annotation = {"reconcile.fluxcd.io/requestedAt": datetime.now(UTC).isoformat()}
    patch = {"metadata": {"annotations": annotation}}
    await http.patch(SOURCE, json=patch, headers={"Content-Type": "application/merge-patch+json"})
    while not _is_live(around, version):
        await around.cluster.store.moved()
    return time.perf_counter() - began


def _commit_and_push(worktree: Path, content: dict[str, bytes], message: str) -> None:
    git(worktree, "pull", "--quiet", "--rebase")
    for name, data in content.items():
        path = worktree / IAC_PATH / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    git(worktree, "add", "--all")
    git(worktree, "commit", "--quiet", "--message", message)
    git(worktree, "push", "--quiet")


def _is_live(around: Surroundings, version: str) -> bool:
    release = around.cluster.store.get(kinds.HELM_RELEASE, "flux-system", "web") or {}
    history = release.get("status", {}).get("history") or [{}]
    ready = [item for item in release.get("status", {}).get("conditions", []) if item["type"] == "Ready"]
    newest = (history[0].get("chartVersion"), history[0].get("status"))
    return newest == (version, "deployed") and ready[0]["status"] == "True"


async def measure(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds of each round: ours, the peer's."""
    async with surroundings(folder, pace=0.0) as around, gateway(around) as running:
        worktree = folder / "worktree"
        git(folder, "clone", "--quiet", str(around.repository), str(worktree))
        headers = {"Authorization": f"Bearer {around.cluster.token}"}
        async with httpx.AsyncClient(base_url=around.cluster.url, headers=headers, trust_env=False) as http:
            ours, peers = [], []
            for number in range(ROUNDS):
                ours.append(await by_gateway(running, number))
                peers.append(await by_hand(around, http, worktree, number))
    return ours, peers


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        ours, peers = asyncio.run(measure(Path(folder)))
    table = Table(title=f"one deployment, {ROUNDS} rounds, {os.cpu_count()} cores, Python {platform.python_version()}")
    for column in ("", "median ms", "p95 ms"):
        table.add_column(column, justify="right" if column else "left")
    for name, seconds in (("upload to deployed, proven and streamed", ours), ("git CLI push to Flux Ready", peers)):
        p95 = statistics.quantiles(seconds, n=20)[-1]
        table.add_row(name, f"{1000 * statistics.median(seconds):.0f}", f"{1000 * p95:.0f}")
    table.add_row("ratio of the medians", f"{statistics.median(ours) / statistics.median(peers):.2f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
