"""What git understands by a url that goes over ssh: ``ssh://user@host:port/path`` or ``user@host:path``."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

_PORT = 22
_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]/]+\]|[^@/:\[\]]+):(?P<path>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SshAddress:
    """``path`` is what the git of the other side is given: relative to the home of ``user``, or absolute."""

    user: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class SshRemote:
    """All that it takes to get there: files of the private ``key`` and of the ``known_hosts``, seconds of patience."""

    address: SshAddress
    key: Path
    passphrase: SecretStr | None
    known_hosts: Path
    timeout: float


def read_ssh_url(url: str) -> SshAddress | None:
    """The parts of an ssh url; None for a url of another kind, and for a path of this machine.

    The rules are git's own (git-fetch, "GIT URLS"): without a scheme, a colon before the first slash makes it ssh.
    Raises ValueError with the sentence for the user.
    """
    if url.startswith("ssh://"):
        return _complete(*_split(url))
    found = None if "://" in url else _SCP_LIKE.fullmatch(url)
    return _complete(found["user"], found["host"].strip("[]"), _PORT, found["path"]) if found else None


def _split(url: str) -> tuple[str | None, str | None, int, str]:
    parts = urlsplit(url)
    if parts.password is not None:
        raise ValueError("credentials do not belong into the url; the passphrase of ssh_key is given as password")
    try:
        port = parts.port or _PORT
    except ValueError as error:
        raise ValueError("the port of an ssh url is a number up to 65535") from error
    path = unquote(url.removeprefix("ssh://").partition("/")[2])
    user = unquote(parts.username) if parts.username else None
    return user, parts.hostname, port, path if path.startswith("~") or not path else f"/{path}"


def _complete(user: str | None, host: str | None, port: int, path: str) -> SshAddress:
    if not (user and host and path):
        raise ValueError("an ssh url names user, host and path, such as ssh://git@git.example.com/group/iac.git")
    return SshAddress(user, host, port, path)
