"""One ssh connection for all operations on a repository: a push costs a channel and no handshake."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import paramiko

from dag_gateway.config import SshRemote
from dag_gateway.errors import GatewayError

from .connections import TIMES_FOR_A_PACK
from .ssh_login import login

_PROTOCOL_2 = "version=2"


@dataclass(eq=False, slots=True)
class _Link:
    transport: paramiko.Transport
    users: int = 0


class SshConnection:
    """Opened on first use, replaced when it is dead or takes no more channels. Thread-safe."""

    def __init__(self, remote: SshRemote) -> None:
        self._remote = remote
        self._lock = threading.Lock()
        self._current: _Link | None = None
        self._closed = False

    @contextmanager
    def channel(self, command: str, *, version_2: bool) -> Iterator[paramiko.Channel]:
        """The command at work on the other side; ``version_2`` asks git for that version of its protocol.

        Raises as ``login`` does. After trouble in the block the connection is not used for anything new.
        """
        link, channel = self._started(command, version_2=version_2)
        usable = False
        # git sends signs of life while a hook is at work; they must not hold us for ever.
        overdue = threading.Timer(self._remote.timeout * (TIMES_FOR_A_PACK if version_2 else 1), _close, [channel])
        overdue.start()
        try:
            yield channel
            usable = True
        except GatewayError:
            usable = True
            raise
        finally:
            overdue.cancel()
            _close(channel)
            self._give_back(link, usable=usable)

    def close(self) -> None:
        """Close the connection, as soon as nobody uses it."""
        with self._lock:
            self._closed = True
            idle = self._current if self._current and self._current.users == 0 else None
        if idle:
            idle.transport.close()

    def _started(self, command: str, *, version_2: bool) -> tuple[_Link, paramiko.Channel]:
        """Once more on a new connection: the shared one may have died in the meantime, or take no more channels.

        A git command that was given nothing yet has done nothing yet.
        """
        link = self._take()
        try:
            return link, self._start(link.transport, command, version_2=version_2)
        except (paramiko.SSHException, EOFError, OSError):
            self._give_back(link, usable=False)
        link = _Link(login(self._remote), users=1)
        try:
            channel = self._start(link.transport, command, version_2=version_2)
        except BaseException:
            link.transport.close()
            raise
        with self._lock:
            self._current = self._current or link
        return link, channel

    def _start(self, transport: paramiko.Transport, command: str, *, version_2: bool) -> paramiko.Channel:
        timeout = self._remote.timeout
        channel = transport.open_session(timeout=timeout)
        channel.settimeout(timeout)
        overdue = threading.Timer(timeout, _close, [channel])  # paramiko itself waits for the answer without end
        overdue.start()
        try:
            if version_2:
                channel.set_environment_variable("GIT_PROTOCOL", _PROTOCOL_2)
            channel.exec_command(command)  # nosec B601 # a verb of git and the configured path, quoted
        except BaseException:
            channel.close()
            raise
        finally:
            overdue.cancel()
        return channel

    def _take(self) -> _Link:
        with self._lock:
            if self._current is None or not self._current.transport.is_active():
                self._current = None
                self._current = _Link(login(self._remote))
            self._current.users += 1
            return self._current

    def _give_back(self, link: _Link, *, usable: bool) -> None:
        with self._lock:
            link.users -= 1
            if not usable and self._current is link:
                self._current = None
            idle = link.users == 0 and (self._closed or self._current is not link)
        if idle:
            link.transport.close()


def _close(channel: paramiko.Channel) -> None:
    """Also when the connection below it is gone already."""
    with suppress(EOFError, OSError, paramiko.SSHException):
        channel.close()
