"""The HTTP connections to a remote: no hidden retries, every answer that is no success raised with its text."""

import io
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from dulwich.client import default_urllib3_manager
from pydantic import SecretStr
from urllib3 import BaseHTTPResponse, HTTPResponse, PoolManager, ProxyManager, Retry
from urllib3.util import parse_url

from .capabilities import Advertisement, Capabilities

_LONGEST_TEXT = 4000
_CONNECTIONS = 4
_IN_MEMORY = 16 * 1024**2
_PIECE = 2**16
_FETCH = "/git-upload-pack"
_LARGEST_LIST = 64 * 1024**2
"""A list of refs; half a million of them."""
_LARGEST_PACK = 2 * 1024**3
"""GitHub takes no larger push either."""
TIMES_FOR_A_PACK = 10
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str | None, str | None, int | None]


class HttpStatus(Exception):
    """The remote answered with an error status; ``text`` is its plain text, empty when it sent none."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token for one origin: a redirect to somewhere else must not carry it there."""

    origin: Origin
    token: str = field(repr=False)

    def added(self, url: str, headers: dict[str, str]) -> dict[str, str]:
        if origin_of(url) != self.origin:
            return headers
        return {**headers, "Authorization": f"Bearer {self.token}"}


def open_pool(url: str, timeout: float, token: SecretStr | None = None) -> "RemotePool":
    """Connections to ``url``, through the proxy that the environment names.

    ``timeout`` is for one socket operation, and for a whole answer, but ten times that for a pack that is fetched.

    ``token`` is sent as a bearer token to the origin of ``url`` and nowhere else.
    """
    made = default_urllib3_manager(
        None, pool_manager_cls=_Pool, proxy_manager_cls=_ProxyPool, base_url=url, timeout=timeout
    )
    pool = cast("RemotePool", made)  # one of the two classes; the third is for callbacks that nobody asked for
    pool.timeout = timeout
    pool.connection_pool_kw["maxsize"] = _CONNECTIONS
    pool.connection_pool_kw["retries"] = Retry(connect=0, read=0, other=0, status=0, redirect=3)
    if token:
        pool.bearer = Bearer(origin_of(url), token.get_secret_value())
    return pool


def origin_of(url: str) -> Origin:
    """Scheme, host and port of a url."""
    parts = parse_url(url)
    return parts.scheme, parts.host, parts.port or _PORTS.get(parts.scheme or "")


class RemotePool(PoolManager):
    """Raises HttpStatus for every error status. Who meets any trouble calls ``capabilities.forget``."""

    bearer: Bearer | None = None
    timeout: float

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.capabilities = Capabilities()

    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> BaseHTTPResponse:  # type: ignore[override]  # as in PoolManager itself
        headers = dict(kw.pop("headers", None) or self.headers)
        kept = self.capabilities.known(method, url, headers, time.monotonic())
        if kept:
            return _response(kept)
        sent = self.bearer.added(url, headers) if self.bearer else headers
        response = super().urlopen(method, url, redirect=redirect, headers=sent, **kw)
        if response.status >= 400:
            raise HttpStatus(response.status, _text(response))
        ends = time.monotonic() + self.timeout * (TIMES_FOR_A_PACK if url.endswith(_FETCH) else 1)
        if method != "GET":
            return _complete(response, ends)
        answer = _read(response, ends)
        self.capabilities.note(method, url, headers, answer)
        return _response(answer)


class _Pool(RemotePool):
    """Straight to the remote."""


class _ProxyPool(RemotePool, ProxyManager):
    """Through a proxy."""


def _text(response: BaseHTTPResponse) -> str:
    try:
        if not response.headers.get("Content-Type", "").startswith("text/plain"):
            return ""
        return response.read(_LONGEST_TEXT).decode(errors="replace").strip()
    finally:
        response.close()


def _complete(response: BaseHTTPResponse, ends: float) -> HTTPResponse:
    """The whole answer, here; dulwich leaves its end unread, and every push would open a connection of its own."""
    body = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (the answer closes it)
    try:
        for piece in _pieces(response, ends, _LARGEST_PACK):
            body.write(piece)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return HTTPResponse(
        body,
        headers=response.headers,
        status=response.status,
        preload_content=False,
        request_url=response.url,
    )


def _read(response: BaseHTTPResponse, ends: float) -> Advertisement:
    body = b"".join(_pieces(response, ends, _LARGEST_LIST))
    return Advertisement(response.status, response.url, response.headers, body, time.monotonic())


def _pieces(response: BaseHTTPResponse, ends: float, most: int) -> Iterator[bytes]:
    """A remote that sends a little now and then, such as git while a hook is at work, must not hold us for ever."""
    while piece := response.read1(_PIECE, decode_content=False):
        most -= len(piece)
        late = time.monotonic() > ends
        if late or most < 0:
            response.close()
            raise TimeoutError("no complete answer in time") if late else ValueError("the answer is too large")
        yield piece
    response.release_conn()


def _response(answer: Advertisement) -> HTTPResponse:
    return HTTPResponse(
        io.BytesIO(answer.body),
        headers=answer.headers,
        status=answer.status,
        preload_content=False,
        request_url=answer.location,
    )
