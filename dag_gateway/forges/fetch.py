"""One bounded GET to a forge."""

import asyncio
from collections.abc import Mapping

import httpx

from .answer import LARGEST_ANSWER, Answer, ForgeUnavailable

_DIRECT: dict[str, httpx.AsyncBaseTransport | None] = {
    "all://127.0.0.1": None,
    "all://localhost": None,
    "all://[::1]": None,
}
"""A proxy of the environment is for the outside world; it can not reach what listens on this machine."""


class ForgeClient:
    """Asks one forge. Follows no redirect, so a token never travels to another host."""

    def __init__(self, forge: str, url: str, timeout: float) -> None:
        """``timeout`` is in seconds, for a request with everything that belongs to it."""
        self._forge = forge
        self._timeout = timeout
        self._client = httpx.AsyncClient(base_url=url, timeout=None, follow_redirects=False, mounts=_DIRECT)  # noqa: S113 - one deadline over all phases is kept in get()

    async def get(self, path: str, headers: Mapping[str, str], params: Mapping[str, str] | None = None) -> Answer:
        """The answer, whatever its status. Raises ForgeUnavailable when there is none in time, or it is too large."""
        request = self._client.build_request(
            "GET", path, headers={**headers, "Accept-Encoding": "identity"}, params=params
        )
        try:
            async with asyncio.timeout(self._timeout):
                return await self._send(request)
        except TimeoutError as error:
            raise ForgeUnavailable(f"forge {self._forge!r} did not answer within {self._timeout:g} s") from error
        except httpx.HTTPError as error:
            raise ForgeUnavailable(f"forge {self._forge!r} can not be reached ({type(error).__name__})") from error

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _send(self, request: httpx.Request) -> Answer:
        try:
            return await self._send_once(request)
        except httpx.TransportError:
            # Most often a kept-alive connection that the forge has closed meanwhile; a GET may be repeated.
            return await self._send_once(request)

    async def _send_once(self, request: httpx.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            return Answer(response.status_code, await self._body(response), response.headers.get("Retry-After", ""))
        finally:
            await response.aclose()

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise ForgeUnavailable(f"forge {self._forge!r} sent more than {LARGEST_ANSWER} bytes")
        return bytes(body)
