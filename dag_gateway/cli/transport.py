"""HTTP connections of the client, and bodies read within a limit."""

import httpx

from .exits import OutcomeUnknown, WrongUsage


def http_client(timeout: httpx.Timeout) -> httpx.AsyncClient:
    """A client that follows no redirects: a token goes to the address that was given and to no other.

    Raises WrongUsage when the environment's certificates or proxy can not be used.
    """
    try:
        return httpx.AsyncClient(timeout=timeout, follow_redirects=False)
    except (OSError, ValueError, ImportError) as error:
        variables = "SSL_CERT_FILE, SSL_CERT_DIR, HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
        raise WrongUsage(f"{variables} names something that can not be used: {error}") from error


def described_error(error: httpx.RequestError) -> str:
    """What went wrong; some errors of httpx have no text of their own."""
    return str(error) or type(error).__name__


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """The whole body. Raises OutcomeUnknown when it is larger than ``limit`` bytes."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            raise OutcomeUnknown(f"the answer of {response.url.host} is larger than {limit} bytes")
    return bytes(body)
