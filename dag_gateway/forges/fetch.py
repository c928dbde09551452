"""One bounded GET to a forge."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache

import aiohttp
import httpx
from yarl import URL

from dag_gateway.clock import Clock, SystemClock

from .answer import LARGEST_ANSWER, Answer, ForgeUnavailable
from .breaker import Breaker
from .proxies import proxy_for

# Bytes of the status line or of one header; policies for browsers, which a forge sends along, can be long.
_LARGEST_HEADER = 64 * 1024

Query = Mapping[str, str]
Headers = Mapping[str, str]


@cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates count, for all forges: to read them takes a hundred times as long as to open a client."""
    return httpx.create_ssl_context()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_authorities()),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(),  # one deadline over all phases is kept in _in_time()
        max_line_size=_LARGEST_HEADER,
        max_field_size=_LARGEST_HEADER,
    )


class ForgeClient:
    """Asks one forge, unless it is down. Follows no redirect, so a token never travels to another host."""

    def __init__(self, forge: str, url: str, timeout: float, clock: Clock | None = None) -> None:
        """``timeout`` is in seconds, for a request with everything that belongs to it."""
        self._forge = forge
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._breaker = Breaker(forge, clock or SystemClock())
        self._proxies: dict[URL, str | None] = {}
        self._session: aiohttp.ClientSession | None = None

    async def get(
        self, path: str, headers: Headers, params: Query | None = None, *, largest: int = LARGEST_ANSWER
    ) -> Answer:
        """The answer, whatever its status. ``path`` is below the forge's url, or a whole URL; ``largest`` in bytes.

        Raises ForgeUnavailable when there is none in time, when it is too large, or while the forge is left alone.
        """
        with self._breaker.attempt() as attempt:
            answer = await self._in_time(path, headers, params, largest)
            if answer.is_failure:
                attempt.fail()
            return answer

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _in_time(self, path: str, headers: Headers, params: Query | None, largest: int) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                url = URL(path if "://" in path else self._url + path).extend_query(params or {})
                return await self._send(url, {**headers, "Accept-Encoding": "identity"}, largest)
        except TimeoutError as error:
            raise ForgeUnavailable(f"forge {self._forge!r} did not answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, ValueError) as error:
            # A ClientResponseError prints the headers of the request, and the token is one of them.
            cause = None if isinstance(error, aiohttp.ClientResponseError) else error
            raise ForgeUnavailable(f"forge {self._forge!r} can not be reached ({type(error).__name__})") from cause

    async def _send(self, url: URL, headers: Headers, largest: int) -> Answer:
        try:
            return await self._send_once(url, headers, largest)
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError):
            # What broke off in the middle of the answer. aiohttp itself repeats a GET when the connection was lost
            # before it, most often a kept-alive one that the forge has closed meanwhile.
            return await self._send_once(url, headers, largest)

    async def _send_once(self, url: URL, headers: Headers, largest: int) -> Answer:
        session = self._session = self._session or _session()
        async with session.get(url, headers=headers, allow_redirects=False, proxy=self._proxy(url)) as response:
            body = await self._body(response.content, largest)
            known = response.headers
            return Answer(response.status, body, known.get("Retry-After", ""), known.get("Cache-Control", ""))

    async def _body(self, content: aiohttp.StreamReader, largest: int) -> bytes:
        body = bytearray()
        async for chunk in content.iter_any():
            body += chunk
            if len(body) > largest:
                raise ForgeUnavailable(f"forge {self._forge!r} sent more than {largest} bytes")
        return bytes(body)

    def _proxy(self, url: URL) -> str | None:
        origin = url.origin()
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin)
        return self._proxies[origin]
