"""Argo CD: the sources of an Application, and which of the synced commits is that of ours."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .objects import Object, spec

_COMMIT = re.compile(r"[0-9a-f]{40}")


def mistake(application: Object, path: str) -> str | None:
    """What keeps the Application from ever taking what is pushed to ``path``, worded to follow its title.

    With a hydrator the synced commit is that of the hydrated manifests, which is never ours.
    """
    if spec(application).get("sourceHydrator"):
        return (
            "syncs hydrated manifests (spec.sourceHydrator), so a commit of the chart can not be followed to it;"
            " use spec.source with the path of the chart"
        )
    sources = _sources(spec(application))
    ours = [source for source in sources if _is_ours(source, path)]
    if not ours:
        folders = ", ".join(repr(str(source["path"])[:200]) for source in sources if source.get("path"))
        return f"takes no source from {path!r}, but from {folders or 'no folder'}; make path and its source agree"
    if all(_COMMIT.fullmatch(str(source.get("targetRevision", ""))) for source in ours):
        return "is pinned to one commit (targetRevision), so it never syncs another; use a branch"
    return None


def revisions(record: Mapping[str, Any], application: Object, path: str | None = None) -> tuple[str, ...]:
    """The revisions in ``record`` of each source that takes from ``path``, from any folder when it is None.

    A record is what Argo CD has compared or synced: ``revision``, or ``revisions`` in the order of its sources, and the
    sources of that moment, which the spec may no longer have. Empty text for a source without a revision.
    """
    sources = _sources(record) or _sources(spec(application))
    several = record.get("revisions") or [record.get("revision")] * len(sources)
    padded = [*several, *[None] * len(sources)]
    return tuple(
        str(revision or "") for source, revision in zip(sources, padded, strict=False) if _is_ours(source, path)
    )


def commits(record: Mapping[str, Any], application: Object) -> tuple[str, ...]:
    """The commits among the revisions of all folders."""
    return tuple(filter(_COMMIT.fullmatch, revisions(record, application)))


def _sources(holder: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """``sources`` where there are several; then ``source`` does not count."""
    several = holder.get("sources")
    return several or [source for source in (holder.get("source"),) if source]


def _is_ours(source: Mapping[str, Any], path: str | None) -> bool:
    """A source with ``chart`` is a Helm repository, one without ``path`` only lends its files to another (``ref``)."""
    folder = source.get("path")
    if not folder or source.get("chart"):
        return False
    return path is None or _plain(str(folder)) == _plain(path)


def _plain(folder: str) -> str:
    return posixpath.normpath(f"/{folder}").lstrip("/")
