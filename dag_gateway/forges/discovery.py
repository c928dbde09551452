"""Where an issuer says that its keys are. Source: OpenID Connect Discovery 1.0, sections 3 and 4.3."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from .answer import ForgeUnavailable
from .issuer import Issuer

_Url = Annotated[str, Field(max_length=2048)]

_DEFAULT_LIFETIME = 3600.0
_SHORTEST_LIFETIME = 300.0
_LONGEST_LIFETIME = 24 * 3600.0
"""Seconds; bounds on what an issuer asks for. GitLab says nothing, and a withdrawn key must be forgotten some day."""


class Discovery(BaseModel):
    """The fields that are read of an issuer's document."""

    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    issuer: _Url
    jwks_uri: _Url


DISCOVERY = TypeAdapter(Discovery)


def keys_url(document: Discovery, issuer: Issuer) -> str:
    """The URL of the keys, on the host of the issuer or the one that was asked.

    Raises ForgeUnavailable when the document is of another issuer, or sends the gateway elsewhere.
    """
    if document.issuer != issuer.issuer:
        raise ForgeUnavailable(
            f"{issuer.discovery_url} is the document of the issuer {document.issuer[:200]!r}, but the issuer of forge "
            f"{issuer.name!r} is {issuer.issuer!r}; set the forge's url or issuer accordingly"
        )
    url, asked, signer = _parts(document.jwks_uri), _parts(issuer.discovery_url), _parts(issuer.issuer)
    if url is None or _origin(url) not in (_origin(asked), _origin(signer)):
        raise ForgeUnavailable(_misplaced(document, issuer, "is on another host"))
    if url.scheme != "https" and not _may_be_plain(url, asked):
        raise ForgeUnavailable(_misplaced(document, issuer, "is not https"))
    return document.jwks_uri


def lifetime(cache_control: str) -> float:
    """How many seconds keys count as fresh, by the header of their answer (RFC 9111, section 5.2.2)."""
    asked = re.search(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", cache_control, re.ASCII | re.IGNORECASE)
    wanted = float(asked.group(1)) if asked else _DEFAULT_LIFETIME
    return min(max(wanted, _SHORTEST_LIFETIME), _LONGEST_LIFETIME)


def _misplaced(document: Discovery, issuer: Issuer, problem: str) -> str:
    return (
        f"the jwks_uri {document.jwks_uri[:200]!r} of forge {issuer.name!r} {problem}; "
        f"its keys are only read from the host of {issuer.discovery_url} or {issuer.issuer}"
    )


def _parts(url: str) -> SplitResult | None:
    """None when it is not a plain http(s) URL: credentials and fragments have no place in it."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable and "@" not in parts.netloc and not parts.fragment and url.isprintable() else None


def _origin(parts: SplitResult | None) -> tuple[str | None, int] | None:
    """Host and port. Not the scheme: that has a rule of its own."""
    return None if parts is None else (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


def _may_be_plain(url: SplitResult, asked: SplitResult | None) -> bool:
    """Where the configuration itself has http, or where nobody can listen in."""
    return (asked is not None and asked.scheme == "http") or _is_loopback(url.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
