"""How a remote is reached: over http(s), over ssh, or as a folder of this machine."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from dulwich.client import GitClient, HttpGitClient, LocalGitClient

from dag_gateway.config import RepositorySettings
from dag_gateway.errors import GatewayError

from .border import Border
from .connections import open_pool
from .ssh import SshTransport


class Transport(Protocol):
    """Thread-safe; closed by whoever opened it. Foreign exceptions are for ``Border.crossed`` to translate."""

    @property
    def path(self) -> bytes:
        """What the client's ``fetch_pack`` and ``send_pack`` are given."""
        ...

    def client(self) -> AbstractContextManager[GitClient]:
        """A client for one operation."""
        ...

    def close(self) -> None:
        """Close the idle connections."""
        ...


def open_transport(settings: RepositorySettings, border: Border) -> Transport:
    """The transport that the url asks for. Nothing is connected before the first operation."""
    remote = settings.ssh()
    if remote:
        return SshTransport(remote)
    return LocalTransport(settings, border) if settings.is_local else HttpTransport(settings)


class HttpTransport:
    """Git's smart HTTP protocol; the connections are shared by all operations."""

    path = b""

    def __init__(self, settings: RepositorySettings) -> None:
        self._settings = settings
        self._pool = open_pool(settings.url, settings.timeout, settings.token)

    @contextmanager
    def client(self) -> Iterator[GitClient]:
        settings = self._settings
        password = settings.password.get_secret_value() if settings.password else None
        username = settings.username or ("git" if password else None)
        client = HttpGitClient(
            settings.url, pool_manager=self._pool, username=username, password=password, timeout=settings.timeout
        )
        with closing(client):
            try:
                yield client
            except GatewayError:
                raise
            except Exception:
                self._pool.capabilities.forget()
                raise

    def close(self) -> None:
        self._pool.clear()


class LocalTransport:
    """A bare repository on this machine."""

    def __init__(self, settings: RepositorySettings, border: Border) -> None:
        self.folder = Path(settings.url)
        self._border = border

    @property
    def path(self) -> bytes:
        return bytes(self.folder)

    @contextmanager
    def client(self) -> Iterator[GitClient]:
        self._border.require_bare(self.folder)
        with closing(LocalGitClient()) as client:
            yield client

    def close(self) -> None:
        """Nothing stays open."""
