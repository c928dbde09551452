"""The border to the git library: its exceptions become ours here, once, in words without credentials and paths."""

import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path

from dulwich.errors import ChecksumMismatch, FileFormatException, GitProtocolError, NotGitRepository, SendPackError
from dulwich.file import FileLocked
from paramiko import SSHException
from urllib3.exceptions import HTTPError, MaxRetryError

from dag_gateway.clock import Clock
from dag_gateway.config import RepositorySettings
from dag_gateway.model.reason import Reason, StepFailed

from .change import RemoteUnavailable
from .connections import HttpStatus
from .disk import refused_by_the_disk
from .ending import Ended, classify_end
from .refusal import PushRefused, Race, presentable
from .ssh import RemoteEnded
from .ssh_login import KeyRefused, SshMisconfigured

log = logging.getLogger(__name__)

STALE_LOCK = timedelta(seconds=30)
"""A ref is locked for milliseconds; who holds a lock for longer is dead."""

_BUSY = (408, 425, 429)
# What dulwich lets through when a remote breaks off or talks nonsense, its own parsers' errors among it.
_BROKEN_OFF = (
    AssertionError,
    ChecksumMismatch,
    EOFError,
    FileFormatException,
    GitProtocolError,
    HTTPError,
    HTTPException,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    SSHException,
    TypeError,
    ValueError,
    zlib.error,
)


class Border:
    """Knows how one remote is called, and what must never be shown of it."""

    def __init__(self, name: str, settings: RepositorySettings, clock: Clock) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock

    @contextmanager
    def crossed(self) -> Iterator[None]:
        """Around every use of the git library: raises RemoteUnavailable, StepFailed or Race, whatever happened."""
        try:
            yield
        except HttpStatus as error:
            raise self._of_status(error) from error
        except SshMisconfigured as error:
            raise self._misconfigured(str(error)) from error
        except KeyRefused as error:
            raise self._key_refused(error.user) from error
        except RemoteEnded as error:
            raise self._of_end(str(error)) from error
        except NotGitRepository as error:
            raise self._not_there() from error
        except FileLocked as error:
            self._break_lock(Path(_text(error.lockfilename)))
            raise Race("the branch is locked by another writer") from error
        except SendPackError as error:
            raise self.rejected(_text(error.args[0]) if error.args else "the remote could not unpack it") from error
        except PermissionError as error:
            raise self._not_writable() from error
        except _BROKEN_OFF as error:
            raise self._broken_off(error) from error

    def words(self, text: str) -> str:
        """The text of the remote, fit to be shown."""
        settings = self._settings
        secrets = [secret.get_secret_value() for secret in (settings.password, settings.token) if secret]
        return presentable(text, [*secrets, settings.url] if settings.is_local else secrets)

    def unavailable(self, why: str) -> RemoteUnavailable:
        return RemoteUnavailable(f"the IaC repository {self._name!r} does not answer: {self.words(why)}")

    def _broken_off(self, error: BaseException) -> RemoteUnavailable:
        if not (isinstance(error, OSError) and refused_by_the_disk(error)):
            return self.unavailable(_innermost(error))
        where = "data_dir or the repository itself" if self._settings.is_local else "data_dir"
        return RemoteUnavailable(
            f"nothing can be written for the IaC repository {self._name!r}: {error.strerror} ({where}); "
            "it goes on once the disk takes something again"
        )

    def rejected(self, why: str) -> PushRefused:
        return PushRefused(f"the IaC repository {self._name!r} rejected the push: {self.words(why)}")

    def closed(self, why: str) -> StepFailed:
        """Like ``rejected``, where another push would fare no better."""
        return StepFailed(Reason.PUSH_REJECTED, self.rejected(why).message)

    def require_bare(self, path: Path) -> None:
        """Moving a branch under a checked-out worktree would make its next commit undo the deployment."""
        if (path / ".git").exists():
            raise StepFailed(
                Reason.CONFIG_ERROR,
                f"the IaC repository {self._name!r} has a worktree; use a bare repository (git clone --bare)",
            )

    def no_branch(self, ref: bytes) -> StepFailed:
        name = ref.decode(errors="replace").removeprefix("refs/heads/")
        return StepFailed(
            Reason.CONFIG_ERROR,
            f"the IaC repository {self._name!r} has no branch {name!r}: create it, or name another one",
        )

    def detached(self) -> StepFailed:
        return StepFailed(
            Reason.CONFIG_ERROR,
            f"the HEAD of the IaC repository {self._name!r} names no branch: name the one to push to with branch",
        )

    def _of_status(self, error: HttpStatus) -> RemoteUnavailable | StepFailed:
        said = f" ({self.words(error.text)})" if error.text else ""
        if error.status in (401, 403, 407):
            given = "the token and that it" if self._settings.token else "username and password and that they"
            return StepFailed(
                Reason.PUSH_REJECTED,
                f"the IaC repository {self._name!r} refused the credentials with HTTP {error.status}{said}: "
                f"check {given} may write",
            )
        if error.status in (404, 410):
            return self._not_there()
        if error.status >= 500 or error.status in _BUSY:
            return self.unavailable(f"HTTP {error.status}{said}")
        return self.rejected(f"HTTP {error.status}{said}")

    def _of_end(self, said: str) -> RemoteUnavailable | StepFailed:
        match classify_end(said):
            case Ended.NOT_FOUND:
                return self._not_there(said)
            case Ended.NOT_ALLOWED:
                return StepFailed(
                    Reason.PUSH_REJECTED,
                    f"the IaC repository {self._name!r} does not let the key of ssh_key do this ({self.words(said)}): "
                    "give the key the right to write",
                )
            case Ended.UNKNOWN:
                return self.unavailable(said)

    def _key_refused(self, user: str) -> StepFailed:
        return StepFailed(
            Reason.PUSH_REJECTED,
            f"the IaC repository {self._name!r} refused the key of ssh_key for the user {user!r}: add its public half "
            "there, with the right to write, or name another key",
        )

    def _misconfigured(self, why: str) -> StepFailed:
        return StepFailed(Reason.CONFIG_ERROR, f"the IaC repository {self._name!r} can not be reached: {why}")

    def _not_there(self, said: str = "") -> StepFailed:
        words = f" ({self.words(said)})" if said else ""
        return StepFailed(
            Reason.CONFIG_ERROR,
            f"the IaC repository {self._name!r} was not found at its url{words}: check the url, and that the "
            "credentials may see it",
        )

    def _not_writable(self) -> StepFailed:
        return StepFailed(
            Reason.CONFIG_ERROR,
            f"the IaC repository {self._name!r} may not be read and written: check the owner of its files",
        )

    def _break_lock(self, lock: Path) -> None:
        """Remove the lock that a killed writer left behind in a local repository."""
        try:
            age = self._clock.now().timestamp() - lock.stat().st_mtime
            if age > STALE_LOCK.total_seconds():
                lock.unlink()
                log.warning("removed the lock %s of the IaC repository %r, %d s old", lock.name, self._name, age)
        except FileNotFoundError:
            return


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _innermost(error: BaseException) -> str:
    """The plain reason, such as ``[Errno 111] Connection refused``, without the wrapping of the libraries."""
    cause = error.reason if isinstance(error, MaxRetryError) else error.__cause__
    if cause:
        return _innermost(cause)
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
