"""The bare cache of a remote: what was fetched, and what was pushed. May be lost at any time."""

import logging
import shutil
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, NotGitRepository
from dulwich.file import FileLocked
from dulwich.object_store import ObjectStoreGraphWalker
from dulwich.objects import Commit, ObjectID, ShaFile
from dulwich.refs import Ref
from dulwich.repo import Repo

log = logging.getLogger(__name__)
T = TypeVar("T")

# What dulwich raises on truncated, missing or mangled files.
_DAMAGE = (
    ApplyDeltaError,
    AssertionError,
    ChecksumMismatch,
    EOFError,
    FileFormatException,
    FileLocked,
    IndexError,
    KeyError,
    NotGitRepository,
    OSError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class CacheBroken(Exception):
    """The cache can not be read or written; ``generation`` says which life of it."""

    def __init__(self, generation: int) -> None:
        super().__init__("the local copy of the IaC repository is damaged")
        self.generation = generation


class Cache:
    """The directory of one remote. Thread-safe: each use opens its own handle; refs are written one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._generation = 0
        self._ready = False

    def sound(self, work: Callable[["Objects"], T]) -> T:
        """Run ``work``; when the cache turns out to be damaged, throw it away and run ``work`` once more.

        Raises CacheBroken when that does not help either.
        """
        try:
            return self._use(work)
        except CacheBroken as broken:
            self._discard(broken)
        return self._use(work)

    def _use(self, work: Callable[["Objects"], T]) -> T:
        with self._lock:
            generation = self._generation
            with _guarded(generation):
                self._prepare()
                repo = Repo(str(self._path))
        with closing(repo):
            return work(Objects(repo, self._lock, generation))

    def _prepare(self) -> None:
        if self._ready:
            return
        if self._path.exists():
            _break_locks(self._path)
        else:
            _make(self._path)
        self._ready = True

    def _discard(self, broken: CacheBroken) -> None:
        with self._lock:
            if broken.generation != self._generation:
                return
            log.warning(
                "the cache %s is damaged and is built anew from the remote: %r", self._path.name, broken.__cause__
            )
            self._generation += 1
            self._ready = False
            _remove(self._path)


class Objects:
    """One open handle on a cache, for one thread. Every method raises CacheBroken on damage."""

    def __init__(self, repo: Repo, lock: threading.Lock, generation: int) -> None:
        self._repo = repo
        self._lock = lock
        self._generation = generation

    def has(self, sha: ObjectID) -> bool:
        with _guarded(self._generation):
            return sha in self._repo.object_store

    def read(self, sha: ObjectID) -> ShaFile:
        with _guarded(self._generation):
            return self._repo.object_store[sha]

    def commit(self, sha: ObjectID) -> Commit:
        found = self.read(sha)
        if not isinstance(found, Commit):
            raise CacheBroken(self._generation)
        return found

    def walker(self) -> ObjectStoreGraphWalker:
        """What to tell a server that we have, newest first."""
        with _guarded(self._generation):
            heads = [sha for sha in self._repo.refs.as_dict(Ref(b"refs/heads")).values() if self.has(sha)]
        return ObjectStoreGraphWalker(heads, lambda sha: self.commit(sha).parents)

    def add(self, objects: Iterable[ShaFile]) -> None:
        """Keep loose objects; the order is kept too, so a commit comes last and proves that the rest is there."""
        with self._lock, _guarded(self._generation):
            for obj in objects:
                self._repo.object_store.add_object(obj)

    def add_pack(self, pack: IO[bytes]) -> None:
        with self._lock, _guarded(self._generation):
            self._repo.object_store.add_thin_pack(pack.read, None)

    def remember(self, ref: Ref, commit: ObjectID) -> None:
        """Let later fetches start from this commit."""
        with self._lock, _guarded(self._generation):
            if self._repo.refs.read_ref(ref) != commit:
                self._repo.refs[ref] = commit


@contextmanager
def _guarded(generation: int) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise CacheBroken(generation) from error


def _make(path: Path) -> None:
    """Under another name first, so that a kill in the middle leaves no half repository behind."""
    unfinished = path.with_name(f"{path.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    Repo.init_bare(str(unfinished)).close()
    unfinished.rename(path)


def _remove(path: Path) -> None:
    """What can not be removed is met again, and reported, when the cache is made."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def _break_locks(path: Path) -> None:
    """The data directory belongs to one process: a lock that is there before its first use was left by a dead one."""
    for lock in path.rglob("*.lock"):
        log.warning("removed the stale lock %s", lock.relative_to(path.parent))
        lock.unlink(missing_ok=True)
