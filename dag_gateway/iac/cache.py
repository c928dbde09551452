"""The bare cache of a remote: what was fetched, and what was pushed. May be lost at any time.

Its history is shallow and files are missing from it where the remote allows that.
"""

import logging
import shutil
import struct
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, TypeVar

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException, NotGitRepository
from dulwich.file import FileLocked
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.object_store import ObjectStoreGraphWalker
from dulwich.objects import Commit, ObjectID
from dulwich.pack import PackData, PackInflater
from dulwich.refs import Ref
from dulwich.repo import Repo

from .disk import refused_by_the_disk
from .reader import New, Raw

log = logging.getLogger(__name__)
T = TypeVar("T")

NO_LIMIT = sys.maxsize
_HEADS = Ref(b"refs/heads")
_MOST_LOOSE = 300
_HEADER, _COUNT_AT = 12, 8
"""Of a pack: its first twelve bytes, the last four of them the number of its objects (git's ``gitformat-pack``)."""
_BLOCK = 4096

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


class CacheUnwritable(Exception):
    """The disk takes nothing; what is in the cache is as sound as before."""


@dataclass(eq=False, slots=True)
class _Life:
    """What all handles on one cache share; the numbers are changed under the lock only.

    A new ``generation`` begins when the cache is thrown away or made anew. ``size`` is in bytes on the disk.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    generation: int = 0
    size: int = 0


class Cache:
    """The directory of one remote. Thread-safe: each use opens its own handle; refs are written one at a time."""

    def __init__(self, path: Path, limit: int = NO_LIMIT) -> None:
        """``limit`` is in bytes on the disk; beyond it the cache is ``overgrown``."""
        self._path = path
        self._fresh = path.with_name(f"{path.name}.fresh")
        self._limit = limit
        self._allowed = limit
        self._life = _Life()
        self._ready = False

    @property
    def overgrown(self) -> bool:
        """Whether it is time for ``renew``."""
        return self._life.size > self._allowed

    def sound(self, work: Callable[["Objects"], T]) -> T:
        """Run ``work``; when the cache turns out to be damaged, throw it away and run ``work`` once more.

        Raises CacheBroken when that does not help either; CacheUnwritable.
        """
        try:
            return self._use(work)
        except CacheBroken as broken:
            self._discard(broken)
        return self._use(work)

    def renew(self, fill: Callable[["Objects"], None]) -> None:
        """Make the cache anew beside the old one, which serves until ``fill`` is done and the new one takes its place.

        Who still uses the old one then is made to begin again, as if it had been damaged. Raises CacheBroken and what
        ``fill`` raises; the old one stays.
        """
        _remove(self._fresh)
        Cache(self._fresh)._use(fill)
        with self._life.lock, _guarded(self._life.generation):
            before = self._life.size
            self._life.generation += 1
            _remove(self._path)
            self._fresh.rename(self._path)
            self._life.size = _size_of(self._path)
            self._allowed = max(self._limit, 2 * self._life.size)
        log.info("the cache %s was made anew: %d bytes before, %d now", self._path.name, before, self._life.size)

    def _use(self, work: Callable[["Objects"], T]) -> T:
        with self._life.lock:
            generation = self._life.generation
            with _guarded(generation):
                self._prepare()
                repo = Repo(str(self._path))
        with closing(repo):
            return work(Objects(repo, self._life))

    def _prepare(self) -> None:
        if self._ready:
            return
        if self._path.exists():
            _break_locks(self._path)
        else:
            _make(self._path)
        _remove(self._fresh)
        self._life.size = _size_of(self._path)
        self._ready = True

    def _discard(self, broken: CacheBroken) -> None:
        with self._life.lock:
            if broken.generation != self._life.generation:
                return
            log.warning(
                "the cache %s is damaged and is built anew from the remote: %r", self._path.name, broken.__cause__
            )
            self._life.generation += 1
            self._ready = False
            _remove(self._path)


class Objects:
    """One open handle on a cache, for one thread. Every method raises CacheBroken on damage, CacheUnwritable."""

    def __init__(self, repo: Repo, life: _Life) -> None:
        self._repo = repo
        self._life = life
        self._generation = life.generation

    @property
    def generation(self) -> int:
        """Which life of the cache this is: each begins with a history as short as can be."""
        return self._generation

    @cached_property
    def cut(self) -> frozenset[ObjectID]:
        """The commits that the shallow history leaves out: the parents of those where it ends."""
        with _guarded(self._generation):
            ends = [self.commit(sha) for sha in self._repo.get_shallow() if self.has(sha)]
        return frozenset(parent for end in ends for parent in end.parents)

    @property
    def heads(self) -> Mapping[Ref, ObjectID]:
        """Where the branches stood when they were last seen."""
        with _guarded(self._generation):
            heads = self._repo.refs.as_dict(_HEADS)
            return {Ref(_HEADS + b"/" + name): sha for name, sha in heads.items() if self.has(sha)}

    def has(self, sha: ObjectID) -> bool:
        with _guarded(self._generation):
            return sha in self._repo.object_store

    def find(self, sha: ObjectID) -> Raw | None:
        """None when it is not here."""
        with _guarded(self._generation):
            try:
                return self._repo.object_store.get_raw(sha)
            except KeyError:
                return None

    def read(self, sha: ObjectID) -> Raw:
        with _guarded(self._generation):
            return self._repo.object_store.get_raw(sha)

    def commit(self, sha: ObjectID) -> Commit:
        with _guarded(self._generation):
            found = self._repo.object_store[sha]
        if not isinstance(found, Commit):
            raise CacheBroken(self._generation)
        return found

    def walker(self) -> ObjectStoreGraphWalker:
        """What to tell a server that we have, newest first, and where our history ends."""
        with _guarded(self._generation):
            shallow = self._repo.get_shallow()
        return ObjectStoreGraphWalker(self.heads.values(), self._parents, shallow)

    def _parents(self, sha: ObjectID) -> list[ObjectID]:
        return [parent for parent in self.commit(sha).parents if parent not in self.cut]

    def add(self, objects: Iterable[New]) -> None:
        """Keep loose objects; the order is kept too, so a commit comes last and proves that the rest is there."""
        with self._writing():
            for new in objects:
                self._repo.object_store.add_object(new.as_stored())
                self._life.size += _on_disk(len(new.content))

    def add_pack(self, pack: IO[bytes], size: int) -> None:
        """Keep what a fetch brought, ``size`` bytes. What is small becomes loose objects, as git does it: every access
        looks into all packs."""
        with _guarded(self._generation):
            count = int.from_bytes(pack.read(_HEADER)[_COUNT_AT:])
            pack.seek(0)
            if count > _MOST_LOOSE or not self.heads:
                self._keep_pack(pack, size)
            else:
                self.add(self._unpacked(pack, size))

    def _keep_pack(self, pack: IO[bytes], size: int) -> None:
        """Without the lock: a large one takes seconds to be indexed, and gets its name when it is complete."""
        self._repo.object_store.add_thin_pack(pack.read, None)
        with self._writing():
            self._life.size += size

    def _unpacked(self, pack: IO[bytes], size: int) -> list[New]:
        """Commits last and the oldest first: a server sends the newest first."""
        store = self._repo.object_store
        with closing(PackData.from_file(pack, DEFAULT_OBJECT_FORMAT, size)) as data:
            data.check()
            found = list(PackInflater.for_pack_data(data, resolve_ext_ref=store.get_raw))
        commits = sorted((one for one in found if isinstance(one, Commit)), key=lambda one: one.commit_time)
        in_order = [*(one for one in found if not isinstance(one, Commit)), *commits]
        return [New(one.id, one.type_num, one.as_raw_string()) for one in in_order]

    def shorten(self, ends: set[ObjectID]) -> None:
        """The history that is about to be added ends at these commits."""
        self._move_ends(ends, set())

    def lengthen(self, ends: set[ObjectID]) -> None:
        """The history that was added goes on behind these commits."""
        self._move_ends(set(), ends)

    def _move_ends(self, new: set[ObjectID], gone: set[ObjectID]) -> None:
        if new or gone:
            with self._writing():
                self._repo.update_shallow(new, gone)
            self.__dict__.pop("cut", None)

    def remember(self, ref: Ref, commit: ObjectID) -> None:
        """Let later fetches start from this commit."""
        with self._writing():
            if self._repo.refs.read_ref(ref) != commit:
                self._repo.refs[ref] = commit

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A handle on an old cache must not write into the one that took its place."""
        with self._life.lock, _guarded(self._generation):
            if self._generation != self._life.generation:
                raise CacheBroken(self._generation)
            yield


@contextmanager
def _guarded(generation: int) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and refused_by_the_disk(error):
            raise CacheUnwritable(error.strerror) from error
        raise CacheBroken(generation) from error


def _make(path: Path) -> None:
    """Under another name first, so that a kill in the middle leaves no half repository behind."""
    unfinished = path.with_name(f"{path.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    Repo.init_bare(str(unfinished)).close()
    unfinished.rename(path)


def _size_of(path: Path) -> int:
    return sum(_on_disk(file.stat().st_size) for file in path.rglob("*") if file.is_file())


def _on_disk(size: int) -> int:
    """In whole blocks, as file systems give them out. An upper bound for what is going to be compressed."""
    return -(-size // _BLOCK) * _BLOCK


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
