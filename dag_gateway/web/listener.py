"""The listening socket, opened before anything else, so that a taken port is told at once."""

import resource
import socket

import structlog

_BACKLOG = 2048
# Files that are open beside the clients' connections: database, forges, clusters, repositories, uploads on disk.
_OTHER_FILES = 512

log = structlog.get_logger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket that listens; port 0 takes any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without naming the protocol asyncio does not set TCP_NODELAY on what it accepts, and answers wait for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def room_for(connections: int) -> int:
    """How many of so many connections the process may open; it is allowed as many files as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    possible = min(connections, max(allowed - _OTHER_FILES, allowed // 2))
    if possible < connections:
        log.warning(
            "fewer connections than configured: raise the limit of open files", connections=possible, files=hard
        )
    return possible
