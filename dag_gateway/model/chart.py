"""A chart as data, and the rules of its version."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

# The grammar of semver.org, version 2.0.0, item 2, 9 and 10: no leading zeros in numeric identifiers.
_NUMBER = r"(?:0|[1-9]\d*)"
_PRERELEASE = rf"(?:{_NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"(?P<core>{_NUMBER}\.{_NUMBER}\.{_NUMBER})"
    rf"(?:-(?P<pre>{_PRERELEASE}(?:\.{_PRERELEASE})*))?"
    r"(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)
_LONGEST_LABEL = 40
_DIGEST_LENGTHS = (8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the gateway uses of ``Chart.yaml``."""

    name: str
    version: str
    api_version: str
    app_version: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A checked chart: relative POSIX path -> content, ``Chart.yaml`` among them, without the top folder."""

    metadata: Metadata
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over paths and contents; independent of order, times and modes in the archive."""
        return content_digest(self.files)


def content_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 (hex) over the sorted paths and contents, each with its length so that no two trees collide."""
    digest = hashlib.sha256()
    for path in sorted(files):
        name, content = path.encode(), files[path]
        digest.update(b"%d:%b%d:" % (len(name), name, len(content)))
        digest.update(content)
    return digest.hexdigest()


def is_semver(version: str) -> bool:
    """Whether ``version`` is SemVer 2, without a leading ``v``."""
    return _SEMVER.fullmatch(version) is not None


def chart_version(requested: str, own: str, digest: str, taken: Collection[str] = ()) -> str:
    """The version to stamp into ``Chart.yaml``.

    Flux and Helm decide by this string whether there is something new, so one string must never stand for two
    contents: ``taken`` are the versions known to stand for *other* content (in the folder, in earlier deployments
    of the environment, live at a target); then the first 8 characters of ``digest`` are added, more if those are
    taken as well. ``own`` is what the chart says: SemVer, or Helm's shorter forms of it (``v1.2``).
    """
    wanted = requested.removeprefix("v")
    version = wanted if is_semver(wanted) else _with_build(_full(own.removeprefix("v")), _label(requested))
    longer = (_with_build(version, digest[:length]) for length in _DIGEST_LENGTHS)
    return next(candidate for candidate in (version, *longer) if candidate not in taken)


def _label(requested: str) -> str:
    """``requested`` as one identifier of SemVer's build metadata, which may have leading zeros."""
    return re.sub(r"[^0-9A-Za-z-]+", "-", requested)[:_LONGEST_LABEL].strip("-") or "0"


def _full(version: str) -> str:
    """``1`` and ``1.2-beta`` with their missing numbers filled in, as Helm reads them."""
    numbers = re.split(r"[-+]", version, maxsplit=1)[0]
    return numbers + ".0" * (2 - numbers.count(".")) + version[len(numbers) :]


def _with_build(version: str, build: str) -> str:
    return f"{version}.{build}" if "+" in version else f"{version}+{build}"
