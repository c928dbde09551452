"""Kubernetes objects for tests: the data files ``tests/data/clusters/kind-state.yaml``, and what belongs to what."""

from pathlib import Path
from typing import Any

import yaml

_DATA = Path(__file__).parents[1] / "data" / "clusters"


def load(name: str) -> dict[str, Any]:
    """The object of a data file, named without ``.yaml``."""
    loaded = yaml.safe_load((_DATA / f"{name}.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def owned(obj: dict[str, Any], owner: dict[str, Any], **labels: str) -> dict[str, Any]:
    """``obj`` with an owner reference to ``owner``."""
    reference = {"uid": owner["metadata"]["uid"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": [reference], "labels": labels}}


def renamed(obj: dict[str, Any], name: str, **metadata: Any) -> dict[str, Any]:
    """The same object under another name and uid."""
    return {**obj, "metadata": {**obj["metadata"], "name": name, "uid": f"uid-{name}", **metadata}}


def replica_set(deployment: dict[str, Any], revision: str, state: str = "replicaset-ready") -> dict[str, Any]:
    """A replica set of ``deployment`` that carries ``revision``."""
    made = owned(load(state), deployment)
    named = renamed(made, f"{deployment['metadata']['name']}-{revision}")
    named["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": revision}
    return named
