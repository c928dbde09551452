"""The HTTP connections to a remote: no hidden retries, every answer that is no success raised with its text."""

import io
from typing import Any, cast

from dulwich.client import default_urllib3_manager
from urllib3 import BaseHTTPResponse, HTTPResponse, PoolManager, ProxyManager, Retry

_LONGEST_TEXT = 4000
_CONNECTIONS = 4


class HttpStatus(Exception):
    """The remote answered with an error status; ``text`` is its plain text, empty when it sent none."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.text = text


def open_pool(url: str, timeout: float) -> PoolManager:
    """Connections to ``url``, through the proxy that the environment names. ``timeout`` is for one socket operation."""
    made = default_urllib3_manager(
        None, pool_manager_cls=_Pool, proxy_manager_cls=_ProxyPool, base_url=url, timeout=timeout
    )
    pool = cast("PoolManager", made)  # one of the two classes; the third is for callbacks that nobody asked for
    pool.connection_pool_kw["maxsize"] = _CONNECTIONS
    pool.connection_pool_kw["retries"] = Retry(connect=0, read=0, other=0, status=0, redirect=3)
    return pool


class _Checking(PoolManager):
    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> BaseHTTPResponse:  # type: ignore[override]  # as in PoolManager itself
        response = super().urlopen(method, url, redirect=redirect, **kw)
        if response.status >= 400:
            raise HttpStatus(response.status, _text(response))
        return _buffered(response) if method == "GET" else response


class _Pool(_Checking):
    """Straight to the remote."""


class _ProxyPool(_Checking, ProxyManager):
    """Through a proxy."""


def _text(response: BaseHTTPResponse) -> str:
    try:
        if not response.headers.get("Content-Type", "").startswith("text/plain"):
            return ""
        return response.read(_LONGEST_TEXT).decode(errors="replace").strip()
    finally:
        response.close()


def _buffered(response: BaseHTTPResponse) -> HTTPResponse:
    """Read the list of refs to its end: dulwich stops before, and the connection could not be used again."""
    body = response.read(decode_content=False)
    return HTTPResponse(
        io.BytesIO(body),
        headers=response.headers,
        status=response.status,
        preload_content=False,
        request_url=response.url,
    )
