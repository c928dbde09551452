"""Helm's own record of a release: decoding its Secrets and judging whether the newest one is ours.

Helm ``pkg/storage/driver/{secrets,util}.go`` and ``pkg/release/common/status.go``: one Secret per revision, named
``sh.helm.release.v1.<release>.v<revision>``, with the record as base64 of gzip of JSON (and base64 once more, as all
Secret data). Very old records are not compressed.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from dag_gateway.errors import Invalid
from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Goal

from .objects import Object, created, label, meta, name

_GZIP = b"\x1f\x8b\x08"
_LARGEST = 32 * 1024**2
"""Bytes of a record once unpacked. A Secret holds 1 MiB; a manifest does not compress a hundredfold by accident."""

_GONE = frozenset({"uninstalled", "uninstalling"})


class UnreadableRelease(Invalid):
    """A release Secret that does not hold what Helm writes."""

    code = "unreadable_release"


@dataclass(frozen=True, slots=True)
class Release:
    """One revision of a release. ``created`` is when the API server stored it, before Helm touched any object."""

    revision: int
    status: str
    description: str
    chart_name: str
    chart_version: str
    manifest: str
    created: datetime | None


def decode(secret: Object) -> Release:
    """Raises UnreadableRelease, which names the Secret and says nothing of its content."""
    try:
        record = json.loads(_unpacked(base64.b64decode(base64.b64decode(secret["data"]["release"], validate=True))))
        return _release(record, secret)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, zlib.error) as error:
        raise UnreadableRelease(
            f"Secret {name(secret)} does not hold a Helm release that can be read ({type(error).__name__});"
            " `helm history` shows whether Helm can"
        ) from None  # the cause may quote the record, which holds the values of the release


def revision_of(secret: Object) -> int:
    """The revision that the label names; 0 where Helm did not write it."""
    text = label(secret, "version")
    return int(text) if text.isdecimal() else 0


def newest_first(secrets: Iterable[Object]) -> list[Object]:
    return sorted(secrets, key=revision_of, reverse=True)


def judge(releases: Sequence[Release], goal: Goal) -> Health:
    """Whether the newest of ``releases`` (newest first) is ours and deployed. The workloads are another question."""
    if not releases:
        return progressing("there is no release yet")
    newest = releases[0]
    if is_ours(newest, goal):
        return _ours(newest, before_push=not _after_baseline(newest, goal))
    for older in releases[1:]:
        if is_ours(older, goal) and older.status == "superseded" and _after_baseline(older, goal):
            words = f"{older.chart_version} was deployed, then superseded by {newest.chart_version}"
            return failed(Reason.SUPERSEDED, f"revision {older.revision}: {words}")
    return progressing(
        f"revision {newest.revision} holds {newest.chart_version} ({newest.status}), not {goal.chart_version}"
    )


def is_ours(release: Release, goal: Goal) -> bool:
    return (release.chart_name, release.chart_version) == (goal.chart_name, goal.chart_version)


def manifest_objects(release: Release) -> tuple[dict[str, Any], ...]:
    """The objects that the release consists of; hooks are not among them, Helm keeps those apart.

    Raises UnreadableRelease.
    """
    try:
        documents = list(yaml.load_all(release.manifest, Loader=_LOADER))
    except yaml.YAMLError:
        raise UnreadableRelease(f"the manifest of revision {release.revision} is not YAML") from None
    return tuple(obj for document in documents for obj in _flat(document))


def _flat(document: Any) -> Iterator[dict[str, Any]]:
    """The objects of one document, which may be a List."""
    if not isinstance(document, dict) or not document.get("kind"):
        return
    if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _flat(item)
    else:
        yield document


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    inflate = zlib.decompressobj(wbits=31)
    plain = inflate.decompress(data, _LARGEST)
    if inflate.unconsumed_tail:
        raise ValueError("too large")
    return plain


def _release(record: Any, secret: Object) -> Release:
    info, chart = record["info"], record["chart"]["metadata"]
    return Release(
        revision=int(record["version"]),
        status=str(info["status"]),
        description=str(info.get("description") or ""),
        chart_name=str(chart["name"]),
        chart_version=str(chart["version"]),
        manifest=str(record.get("manifest") or ""),
        created=created({"metadata": meta(secret)}),
    )


def _ours(release: Release, *, before_push: bool) -> Health:
    """A failure from before the push is no verdict on what was pushed; what was deployed before still runs."""
    told = f": {release.description}" if release.description else ""
    words = f"revision {release.revision} of {release.chart_version} is {release.status}"
    if release.status == "deployed":
        return healthy(words)
    if before_push:
        return progressing(f"{words}, from before this deployment")
    if release.status == "failed":
        reason = Reason.HOOK_FAILED if "hooks failed" in release.description else Reason.ROLLOUT_FAILED
        return failed(reason, words + told)
    if release.status in _GONE:
        return failed(Reason.ROLLOUT_FAILED, words + told)
    return progressing(words + told)


def _after_baseline(release: Release, goal: Goal) -> bool:
    """The same version may lie in the history from long before the push. Unknown (no baseline) counts as before."""
    return goal.baseline is not None and release.revision > (goal.baseline.revision or 0)
