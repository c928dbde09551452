"""The Kubernetes objects in the YAML files of a folder."""

from collections.abc import Mapping
from typing import Any

import yaml

from .kinds import Object

_KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class NotYaml(Exception):
    """A file that holds no objects; the text names it."""


def objects_in(files: Mapping[str, bytes]) -> list[Object]:
    """All objects by path; a ``kustomization.yaml`` at the top names the files as ``resources``. Raises ``NotYaml``."""
    return [item for path in _chosen(files) for item in _documents(path, files[path])]


def _chosen(files: Mapping[str, bytes]) -> list[str]:
    plan = next((name for name in _KUSTOMIZATION if name in files), None)
    if plan is None:
        return sorted(path for path in files if path.endswith((".yaml", ".yml")))
    named = [path.removeprefix("./") for entry in _loaded(plan, files[plan]) for path in entry.get("resources") or []]
    if missing := [path for path in named if path not in files]:
        raise NotYaml(f"accumulating resources from '{missing[0]}': no such file or directory")
    return named


def _documents(path: str, content: bytes) -> list[Object]:
    for item in (found := _loaded(path, content)):
        if not item.get("kind") or not (item.get("metadata") or {}).get("name"):
            raise NotYaml(f"failed to decode Kubernetes YAML from {path}: missing kind or metadata.name")
    return found


def _loaded(path: str, content: bytes) -> list[Object]:
    try:
        found: list[Any] = [item for item in yaml.safe_load_all(content) if item]
    except yaml.YAMLError as error:
        raise NotYaml(f"failed to decode Kubernetes YAML from {path}: {error}") from error
    if not all(isinstance(item, dict) for item in found):
        raise NotYaml(f"failed to decode Kubernetes YAML from {path}: it holds something else than objects")
    return found
