"""Git over ssh: dulwich speaks to ``git-receive-pack`` and ``git-upload-pack`` through a channel."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import paramiko
from dulwich.client import GitClient, TraditionalGitClient
from dulwich.errors import GitProtocolError, SendPackError
from dulwich.protocol import Protocol

from dag_gateway.config import SshRemote

from .ending import last_words
from .ssh_connection import SshConnection

_LONGEST_TEXT = 16 * 1024


class RemoteEnded(Exception):
    """The command on the other side ended early; the text is what it said about that."""


class SshTransport:
    """All operations share one connection; each has a channel of its own."""

    def __init__(self, remote: SshRemote) -> None:
        self.path = remote.address.path.encode()
        self._connection = SshConnection(remote)

    @contextmanager
    def client(self) -> Iterator[GitClient]:
        with ExitStack() as opened:

            def start(command: str, version_2: bool) -> paramiko.Channel:
                return opened.enter_context(self._connection.channel(command, version_2=version_2))

            client = _SshClient(start)
            try:
                yield client
            except SendPackError:
                raise
            except (GitProtocolError, OSError, EOFError, paramiko.SSHException) as error:
                said = client.said() or _packet(error)
                if not said:
                    raise
                raise RemoteEnded(said) from error

    def close(self) -> None:
        self._connection.close()


class _SshClient(TraditionalGitClient):
    """``start`` runs a command and keeps its channel open until the operation is over."""

    def __init__(self, start: Callable[[str, bool], paramiko.Channel]) -> None:
        super().__init__()
        self._start = start
        self._channel: paramiko.Channel | None = None

    def _connect(
        self, cmd: bytes, path: str | bytes, protocol_version: int | None = None
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        """The one method that a transport of dulwich has to supply."""
        where = path if isinstance(path, str) else path.decode()
        version_2 = cmd == b"upload-pack" and protocol_version in (None, 2)
        channel = self._channel = self._start(f"git-{cmd.decode()} {_quoted(where)}", version_2)
        output = channel.makefile("rb")
        return Protocol(output.read, channel.sendall, None, None, channel.shutdown_write), channel.recv_ready, None

    def said(self) -> str:
        """What came over stderr so far: all of it when the command has ended."""
        if self._channel is None:
            return ""
        self._channel.settimeout(0)
        text = b""
        try:
            while len(text) < _LONGEST_TEXT and (some := self._channel.recv_stderr(_LONGEST_TEXT)):
                text += some
        except TimeoutError:
            pass
        return last_words(text)


def _packet(error: Exception) -> str:
    """What came in an ``ERR`` packet of git's protocol: dulwich raises that as it is."""
    return str(error) if type(error) is GitProtocolError and error.__cause__ is None else ""


def _quoted(path: str) -> str:
    """As git quotes a path for the shell of the other side (``sq_quote``)."""
    return "'" + path.replace("'", "'\\''") + "'"
