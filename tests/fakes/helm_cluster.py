"""Helm's release Secrets in a simulated cluster, written as Helm writes them."""

import base64
import gzip
import json
from typing import Any

import yaml

from dag_gateway.model.target import Baseline, Goal, Target, Tracker
from dag_gateway.simulator.cluster import SimulatedCluster

TARGET = Target("production", "shop", "web", Tracker.HELM, "shop", "web")
GOAL = Goal("c0ffee", "clusters/web", "web", "1.1.0", Baseline("1.0.0", 1))


def release_secret(revision: int, version: str, status: str, *objects: dict[str, Any]) -> dict[str, Any]:
    record = {
        "name": "web",
        "namespace": "shop",
        "version": revision,
        "info": {"status": status, "description": f"revision {revision}"},
        "chart": {"metadata": {"name": "web", "version": version}},
        "manifest": yaml.safe_dump_all(objects),
    }
    inner = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    labels = {"owner": "helm", "name": "web", "status": status, "version": str(revision)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "helm.sh/release.v1",
        "metadata": {"name": f"sh.helm.release.v1.web.v{revision}", "namespace": "shop", "labels": labels},
        "data": {"release": base64.b64encode(inner).decode()},
    }


async def release(sim: SimulatedCluster, revision: int, version: str, status: str, *objects: dict[str, Any]) -> None:
    """Writes one revision; ``objects`` are its manifest."""
    await sim.apply(release_secret(revision, version, status, *objects))


def manifest_deployment(image: str) -> dict[str, Any]:
    """What the manifest says of the Deployment ``web``: no namespace, as charts leave it out."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}},
    }
