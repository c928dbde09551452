"""Rendered templates as Kubernetes objects; pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

Object = dict[str, Any]

HOOK = "helm.sh/hook"
_NOTES = "NOTES.txt"
# Far above any real object (schemas in large CRDs have about 50), and far below where Python's own recursion ends.
_DEEPEST = 100
# How Helm cuts a file into documents (Helm 4, pkg/release/v1/util/manifest.go).
_SEPARATOR = re.compile(r"(?:^|\s*\n)---\s*")
TOO_DEEP = f"it has more than {_DEEPEST} levels"
_POD_TEMPLATE = ("spec", "template", "spec")
_POD_SPECS = {
    "Deployment": _POD_TEMPLATE,
    "StatefulSet": _POD_TEMPLATE,
    "DaemonSet": _POD_TEMPLATE,
    "Job": _POD_TEMPLATE,
    "CronJob": ("spec", "jobTemplate", *_POD_TEMPLATE),
    "Pod": ("spec",),
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a chart becomes for one release.

    ``objects`` are the CRDs of ``crds/``, then every object of the templates, ordered by file; ``hooks`` are those
    that Helm runs at their moment instead (annotation ``helm.sh/hook``). ``manifest`` is the text of the objects of
    the templates, each with its ``# Source:``. ``warnings`` are what ``helm lint`` would improve.
    """

    objects: tuple[Object, ...]
    hooks: tuple[Object, ...]
    manifest: str
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "objects": self.objects,
            "hooks": self.hooks,
            "manifest": self.manifest,
            "warnings": self.warnings,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_json``."""
        return cls(tuple(data["objects"]), tuple(data["hooks"]), data["manifest"], tuple(data["warnings"]))


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document, and the path of the template that it came from."""

    source: str
    text: str

    def __str__(self) -> str:
        return f"---\n# Source: {self.source}\n{self.text}\n"


def documents(files: Mapping[str, str]) -> Iterator[Document]:
    """The documents in rendered ``files`` (path -> text), ordered by path; without notes and blank ones."""
    for path in sorted(files):
        if not path.endswith(_NOTES):
            yield from (Document(path, text) for text in _SEPARATOR.split(files[path]) if text.strip())


def flat(found: Object) -> Iterator[Object]:
    """The object itself, or the items of a ``List`` of them."""
    items = found.get("items")
    if str(found.get("kind")).endswith("List") and isinstance(items, list):
        yield from items
    else:
        yield found


def broken_rule(found: Any) -> str | None:
    """What keeps ``found`` from being a Kubernetes object, None for a good one."""
    if not isinstance(found, dict):
        return "it is not a mapping"
    if _is_deeper(found, _DEEPEST):
        return TOO_DEEP
    for key in ("apiVersion", "kind"):
        if not isinstance(found.get(key), str) or not found[key]:
            return f"it has no {key}"
    name = _at(found, ("metadata",)).get("name")
    return None if isinstance(name, str) and name else "it has no metadata.name"


def _is_deeper(found: Any, levels: int) -> bool:
    """Whether more than so many mappings and lists are inside of one another."""
    if not isinstance(found, dict | list):
        return False
    inner = found.values() if isinstance(found, dict) else found
    return levels == 0 or any(_is_deeper(value, levels - 1) for value in inner)


def is_hook(found: Object) -> bool:
    """Whether Helm runs the object as a hook instead of installing it."""
    return HOOK in _at(found, ("metadata", "annotations"))


def images(objects: Iterable[Object]) -> str:
    """``web -> nginx:1.27.0; worker -> x:1, sidecar:2``: every workload with the images of its containers."""
    named = ((found["metadata"]["name"], _images(found)) for found in objects if found["kind"] in _POD_SPECS)
    return "; ".join(f"{name} -> {', '.join(found)}" for name, found in named if found)


def _images(found: Object) -> list[str]:
    containers = _at(found, _POD_SPECS[found["kind"]]).get("containers")
    listed = containers if isinstance(containers, list) else []
    return [str(container["image"]) for container in listed if isinstance(container, dict) and container.get("image")]


def _at(found: Any, path: Iterable[str]) -> Mapping[str, Any]:
    """The mapping at ``path``, an empty one where there is none."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
