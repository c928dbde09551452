"""What a server answers to "what can you do", kept for a while: in protocol version 2 it says nothing of refs.

Source: git's ``gitprotocol-v2``, "Capability Advertisement". The answer of version 0 and 1 lists the refs and is never
kept.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

KEPT_FOR = 300.0
"""In seconds; a server that was upgraded in the meantime still takes the commands that it offered before."""

_QUESTION = "/info/refs?service=git-upload-pack"
_SERVICE = b"001e# service=git-upload-pack\n0000"
_VERSION_2 = b"000eversion 2\n"


@dataclass(frozen=True, slots=True)
class Advertisement:
    """One answer; ``location`` is where it came from after redirects, ``at`` when (in seconds of any clock)."""

    status: int
    location: str | None
    headers: Mapping[str, str]
    body: bytes
    at: float


class Capabilities:
    """The answers of the servers behind one pool of connections, by url. Thread-safe."""

    def __init__(self) -> None:
        self._kept: dict[str, Advertisement] = {}
        self._lock = threading.Lock()

    def known(self, method: str, url: str, headers: Mapping[str, str], now: float) -> Advertisement | None:
        """The answer to this request; None when the server must be asked."""
        if not _is_question(method, url, headers):
            return None
        with self._lock:
            kept = self._kept.get(url)
        return kept if kept and now - kept.at < KEPT_FOR else None

    def note(self, method: str, url: str, headers: Mapping[str, str], answer: Advertisement) -> None:
        """Keep the answer to this request if it is one that may be kept."""
        version_2 = answer.status == 200 and answer.body.removeprefix(_SERVICE).startswith(_VERSION_2)
        if version_2 and _is_question(method, url, headers):
            with self._lock:
                self._kept[url] = answer

    def forget(self) -> None:
        """After any trouble: the server may be another one now."""
        with self._lock:
            self._kept.clear()


def _is_question(method: str, url: str, headers: Mapping[str, str]) -> bool:
    return method == "GET" and url.endswith(_QUESTION) and headers.get("Git-Protocol") == "version=2"
