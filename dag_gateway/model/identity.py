"""Who is asking: what a job claims, and what its forge says of it."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit


class RefKind(StrEnum):
    """What a job ran for. Anything else (merge requests, schedules on other refs) is refused by the forges."""

    BRANCH = "branch"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class UnverifiedJob:
    """What the request says of itself; worth nothing until a forge confirms it. The token never prints."""

    repo_url: str
    job_id: str
    token: str

    def __repr__(self) -> str:
        return f"UnverifiedJob(repo_url={self.repo_url!r}, job_id={self.job_id!r}, token='***')"


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """A job as its forge confirmed it.

    ``protected`` is None where the forge can not tell. ``commit`` is the source commit. Empty strings where the
    forge does not say.
    """

    forge: str
    project: str
    ref: str
    ref_kind: RefKind
    job_id: str
    commit: str = ""
    job_url: str = ""
    actor: str = ""
    event: str = ""
    protected: bool | None = None


@dataclass(frozen=True, slots=True)
class TokenUse:
    """One ID token, without the token: whoever shows it again is known by this.

    ``token_id`` is a SHA-256 (hex) over what makes the token unique at its ``issuer``; ``until`` is the Unix time in
    seconds after which nobody accepts it any more.
    """

    issuer: str
    token_id: str
    until: int


@dataclass(frozen=True, slots=True)
class SourceProject:
    """What the configuration says of an app's repository: names and URL, not yet the project that is behind them."""

    app: str
    forge: str
    repo_url: str


_NOT_A_URL = "this is not a repository URL such as https://gitlab.example.com/group/project"


def normal_repo_url(url: str) -> str:
    """One spelling per repository: scheme and host in lower case, no credentials, no trailing ``/`` or ``.git``.

    The path keeps its case. Raises ValueError when ``url`` is not an http(s) or ssh URL with a host and a path; it
    does not quote it, as there may be credentials in it.
    """
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        # Not chained either: that error quotes what stands where a port should be.
        raise ValueError(_NOT_A_URL) from None
    path = parts.path.rstrip("/").removesuffix(".git").rstrip("/")
    if parts.scheme not in ("http", "https", "ssh") or not parts.hostname or not path:
        raise ValueError(_NOT_A_URL)
    return f"{parts.scheme}://{parts.hostname}{port}{path}"
