"""Request line and headers: what is refused before anybody reads on. Pure."""

from collections.abc import Iterable, Sequence

from dag_gateway.config import LimitSettings
from dag_gateway.errors import Invalid, TooLarge

Headers = Sequence[tuple[bytes, bytes]]

_ONCE = (b"authorization", b"content-type", b"idempotency-key", b"last-event-id", b"x-api-key")


class UrlTooLong(TooLarge):
    """Path and query are over the limit."""

    code = "url_too_long"


class TooManyHeaders(TooLarge):
    """The request has more headers than a request may have."""

    code = "head_too_large"


class AmbiguousHead(Invalid):
    """Two readers of this head could understand two different requests."""

    code = "ambiguous_head"


def check_head(url: bytes, headers: Headers, limits: LimitSettings) -> None:
    """Header names are in lower case. Raises UrlTooLong, TooManyHeaders or AmbiguousHead."""
    if len(url) > limits.url:
        raise UrlTooLong(f"path and query are over the limit of {limits.url} bytes (server.limits.url)")
    if len(headers) > limits.headers:
        raise TooManyHeaders(f"the request has more than {limits.headers} headers (server.limits.headers)")
    names = [name for name, _ in headers]
    if b"content-length" in names and b"transfer-encoding" in names:
        # RFC 9112, section 6.1: a sign of request smuggling.
        raise AmbiguousHead("give either Content-Length or Transfer-Encoding, not both")
    for name in _ONCE:
        if names.count(name) > 1:
            raise AmbiguousHead(f"{name.decode()}: the header stands twice")


def values_of(name: bytes, headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The values of all headers of this name, in order."""
    return [value.decode("latin-1") for known, value in headers if known == name]
