"""Who is asking, as an address: the peer of the connection, or whom a trusted proxy names. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MOST_HOPS = 32
_HOUSEHOLD = 64


def client_address(request: Request) -> str:
    """The address of the client; empty where the connection has none, as that of a Unix socket."""
    return request.client.host if request.client else ""


def address_behind(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client behind ``peer``, given the values of all ``X-Forwarded-For`` headers in order.

    Each proxy appends whom it speaks to. So the list is read from its end for as long as the one who wrote it is
    trusted; what is no address tells nothing, and the client is then whoever passed it on. Entries beyond the last
    32 are not looked at. No other header counts, ``Forwarded`` included.
    """
    client = _address(peer)
    if client is None:
        return peer
    entries = ",".join(forwarded_for).split(",") if forwarded_for else []
    for entry in reversed(entries[-_MOST_HOPS:]):
        named = _address(_without_port(entry.strip(" \t")))
        if named is None or not _is_among(client, trusted):
            break
        client = named
    return str(client)


@lru_cache(maxsize=1024)
def neighbourhood(address: str) -> str:
    """What limits count by: an IPv4 address, the /64 network of an IPv6 address (one household has all of it)."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed) >> _HOUSEHOLD << _HOUSEHOLD, _HOUSEHOLD)))
    return address


def _is_among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """None when it is no address. An IPv4 address in the clothes of IPv6 (``::ffff:192.0.2.1``) is the IPv4 one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _without_port(entry: str) -> str:
    """Some proxies write ``192.0.2.1:4711`` or ``[2001:db8::1]:4711``."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
