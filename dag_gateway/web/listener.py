"""The listening socket, opened before anything else, so that a taken port is told at once."""

import socket

_BACKLOG = 2048


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
