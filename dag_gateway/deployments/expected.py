"""What a cluster has to show where nobody else says whose content is live: what real Helm renders from our chart."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from dag_gateway.charts import pack
from dag_gateway.clusters import agreed
from dag_gateway.clusters.subset import UNSETTLED
from dag_gateway.errors import GatewayError, Temporary, Unavailable
from dag_gateway.helm import Rendered
from dag_gateway.iac import Folder, FolderMissing, FolderReplaced
from dag_gateway.model.deployment import Deployment
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Target, Tracker

from .tools import Tools

_ANOTHER_SECOND = 1.1
"""Seconds between two renderings, so that a template which tells the time tells another one."""


class CommitMissing(Unavailable):
    """The branch does not show our commit: a mirror is behind, or somebody has rewritten the branch."""

    code = "commit_missing"


Objects = tuple[Mapping[str, Any], ...]
_ByIdentity = Mapping[tuple[Any, ...], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Renderings:
    """``expected`` of the pushed chart, ``earlier`` of what was in the folder before; the objects as they are in every
    rendering. They may hold Secrets, so they are neither kept nor printed."""

    expected: Objects = field(default=(), repr=False)
    earlier: Objects = field(default=(), repr=False)


async def expected_objects(deployment: Deployment, target: Target, tools: Tools) -> Renderings:
    """None for trackers that do not compare objects.

    Raises StepFailed where the folder has other content by now or does not render, and Temporary where nobody can tell
    now.
    """
    if target.tracker is not Tracker.WORKLOADS:
        return Renderings()
    where, ours = deployment.destination, deployment.commit or ""
    folder = await _folder(deployment, tools)
    before = await tools.iac.before(where.repository, where.branch, where.path, ours)
    return Renderings(*await asyncio.gather(_rendered(folder, target, tools), _earlier(before, target, tools)))


async def _earlier(folder: Folder | None, target: Target, tools: Tools) -> Objects:
    """What does not render was never live."""
    if folder is None:
        return ()
    try:
        return await _rendered(folder, target, tools)
    except Temporary:
        raise
    except GatewayError:
        return ()


async def _rendered(folder: Folder, target: Target, tools: Tools) -> Objects:
    archive = await asyncio.to_thread(pack, "chart", folder.files)
    first = await tools.helm.render(archive, release=target.release, namespace=target.namespace)
    await tools.clock.sleep(_ANOTHER_SECOND)
    second = await tools.helm.render(archive, release=target.release, namespace=target.namespace, revision=2)
    return common(first, second)


def common(first: Rendered, second: Rendered) -> Objects:
    """What an installation and an upgrade have in common.

    An object that only one of them has, or that has another name in each, is there without a settled name.
    """
    ones, others = ({_identity(obj): obj for obj in found.objects} for found in (first, second))
    both = [agreed(one, others[identity]) for identity, one in ones.items() if identity in others]
    one_sided = _by_kind(ones, others), _by_kind(others, ones)
    pairs = (zip_longest(*(side.get(kind, ()) for side in one_sided)) for kind in {**one_sided[0], **one_sided[1]})
    return (*both, *(_nameless(one, other) for pair in pairs for one, other in pair))


def _identity(obj: Mapping[str, Any]) -> tuple[Any, ...]:
    meta = obj.get("metadata") or {}
    return obj.get("apiVersion"), obj.get("kind"), meta.get("namespace"), meta.get("name")


def _by_kind(ones: _ByIdentity, others: _ByIdentity) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    """Those that only ``ones`` has, by all of their identity but the name."""
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for identity, obj in ones.items():
        if identity not in others:
            found.setdefault(identity[:-1], []).append(obj)
    return found


def _nameless(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Two with different names have the rest in common; of one alone nothing but its kind and its place is settled."""
    if one is not None and other is not None:
        return {**agreed(one, other)}
    version, kind, namespace, _ = _identity(one or other or {})
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": version, "kind": kind, "metadata": {**place, "name": UNSETTLED}}


async def _folder(deployment: Deployment, tools: Tools) -> Folder:
    """The folder at the tip, which has the content of our commit still."""
    where, ours = deployment.destination, deployment.commit or ""
    try:
        folder = await tools.iac.read(where.repository, where.branch, where.path)
        is_there = await tools.iac.contains(
            where.repository, where.branch, where.path, ancestor=ours, commit=folder.commit
        )
    except (FolderMissing, FolderReplaced) as error:
        raise StepFailed(Reason.SUPERSEDED, f"superseded before it was proven: {error.message}") from error
    if not is_there:
        raise CommitMissing(f"the branch does not have our commit {ours[:12]}; was it rewritten?")
    return folder
