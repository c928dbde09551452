"""An issuer of ID tokens over real HTTP, which can turn its keys, go down and misbehave."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from dag_gateway.forges.issuer import Issuer
from tests.fakes.signed_tokens import signed
from tests.fakes.signing_keys import PrivateKey, public_jwk, rsa_key

AUDIENCE = "https://dag.example.com"

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class OidcIssuer:
    """Serves its discovery document and its keys; signs with any of them.

    ``fault`` replaces the answer to a path: raw bytes, or None to hang up without a word. While ``held`` is not set
    there is no answer at all. ``requests`` are the paths that were asked for.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: dict[str, PrivateKey] = {"first": rsa_key("first")}
        self.jwks: list[dict[str, Any]] | None = None
        self.discovery: dict[str, Any] = {"issuer": url, "jwks_uri": url + JWKS}
        self.headers: tuple[str, ...] = ()
        self.fault: dict[str, bytes | None] = {}
        self.requests: list[str] = []
        self.held = asyncio.Event()
        self.held.set()
        self.asked = asyncio.Event()

    def settings(self, **more: Any) -> Issuer:
        """As the gateway's configuration has it."""
        given = {"name": "forge", "issuer": self.url, "discovery_url": self.url + DISCOVERY, "audience": AUDIENCE}
        return Issuer(**{**given, **more})

    def claims(self, now: datetime, **more: Any) -> dict[str, Any]:
        """Of a good token. A claim that is given as None is left out."""
        issued = int(now.timestamp())
        given = {"iss": self.url, "aud": AUDIENCE, "iat": issued, "nbf": issued - 5, "exp": issued + 300, "jti": "one"}
        return {name: value for name, value in {**given, **more}.items() if value is not None}

    def sign(self, claims: Mapping[str, Any], kid: str = "first", **header: Any) -> str:
        """With the key of that name, whatever the header then says of it."""
        return signed(self.keys[kid], {"alg": "RS256", "typ": "JWT", "kid": kid, **header}, claims)

    def turn(self, kid: str, key: PrivateKey) -> None:
        """From now on the only key."""
        self.keys = {kid: key}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            try:
                await self._reply(reader, writer)
            finally:
                # Also when the client or the loop goes first: a writer must not outlive its loop.
                writer.close()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        path = request.split(b" ")[1].decode()
        self.requests.append(path)
        self.asked.set()
        await self.held.wait()
        writer.write(self._answer(path) or b"")
        await writer.drain()

    def _answer(self, path: str) -> bytes | None:
        if path in self.fault:
            return self.fault[path]
        documents: dict[str, Callable[[], Any]] = {DISCOVERY: lambda: self.discovery, JWKS: self._published}
        below = path.removeprefix(urlsplit(self.url).path)
        if below not in documents:
            return reply(b"{}", "404 Not Found")
        return reply(json.dumps(documents[below]()).encode(), "200 OK", *self.headers)

    def _published(self) -> dict[str, Any]:
        keys = [public_jwk(key, kid) for kid, key in self.keys.items()]
        return {"keys": keys if self.jwks is None else self.jwks}


@asynccontextmanager
async def oidc_issuer(path: str = "", tls: ssl.SSLContext | None = None) -> AsyncIterator[OidcIssuer]:
    """On a free port of this machine; ``path`` is that of its URL, such as ``/api/actions``; ``tls`` makes it https."""
    served: list[OidcIssuer] = []
    server = await asyncio.start_server(lambda reader, writer: served[0].serve(reader, writer), "127.0.0.1", 0, ssl=tls)
    scheme, port = "https" if tls else "http", server.sockets[0].getsockname()[1]
    issuer = OidcIssuer(f"{scheme}://127.0.0.1:{port}{path}")
    served.append(issuer)
    try:
        yield issuer
    finally:
        issuer.held.set()
        server.close()
        await server.wait_closed()
