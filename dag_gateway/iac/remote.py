"""The remote repository: fetch one branch, push one commit; what goes wrong there is told in words of our own."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dulwich.client import GitClient, HttpGitClient, LocalGitClient
from dulwich.objects import ZERO_SHA, ObjectID, ShaFile
from dulwich.pack import UnpackedObject, pack_objects_to_data
from dulwich.refs import HEADREF, Ref

from dag_gateway.clock import Clock
from dag_gateway.config import RepositorySettings

from .border import Border
from .cache import Objects
from .commit import branch_ref
from .connections import open_pool
from .local import push_locally
from .refusal import Race, Refusal, classify, remote_lines

if TYPE_CHECKING:
    from dulwich.client import GeneratePackDataFunc

_IN_MEMORY = 16 * 1024**2
_FIRST_BRANCH = branch_ref("main")
"""Where an empty repository does not tell what its HEAD is going to be."""


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a branch stands; ``commit`` is None when it does not exist yet."""

    ref: Ref
    commit: ObjectID | None


class Remote:
    """One remote. Thread-safe: each operation has a client of its own, the connections are shared."""

    def __init__(self, name: str, settings: RepositorySettings, clock: Clock) -> None:
        self._border = Border(name, settings, clock)
        self._settings = settings
        self._local = None if "://" in settings.url else Path(settings.url)
        self._pool = None if self._local else open_pool(settings.url, settings.timeout)

    def close(self) -> None:
        """Close the idle connections."""
        if self._pool is not None:
            self._pool.clear()

    def fetch(self, objects: Objects, branch: str | None) -> Tip:
        """Bring ``branch`` (None: the remote's HEAD) into the cache and say where it stands.

        Raises RemoteUnavailable, or StepFailed where trying again can not help.
        """
        source = branch_ref(branch) if branch else HEADREF
        commits: list[ObjectID] = []
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as pack:
            with self._border.crossed(), self._client() as client:
                wants = _wants(objects, source, commits)
                found = client.fetch_pack(self._path, wants, objects.walker(), pack.write, ref_prefix=[HEADREF, source])
                self._require_git(client)
            commit = commits[0] if commits else None
            if commit and not objects.has(commit):
                pack.seek(0)
                objects.add_pack(pack)
        tip = Tip(branch_ref(branch) if branch else found.symrefs.get(HEADREF, _FIRST_BRANCH), commit)
        if commit:
            objects.remember(tip.ref, commit)
        return tip

    def push(self, tip: Tip, commit: ObjectID, objects: Sequence[ShaFile]) -> None:
        """Move the branch from ``tip`` to ``commit``; ``objects`` are exactly what the remote does not have yet.

        Raises Race when the branch is not (or no longer) where ``tip`` says; RemoteUnavailable when it did not
        answer, and then the push may have happened or not; StepFailed when it refuses.
        """
        with self._border.crossed():
            if self._local:
                push_locally(self._local, tip.ref, tip.commit, commit, objects)
            else:
                self._push_over_http(tip, commit, objects)

    def _push_over_http(self, tip: Tip, commit: ObjectID, objects: Sequence[ShaFile]) -> None:
        said: list[bytes] = []
        with self._client() as client:
            result = client.send_pack(b"", _from(tip, commit), _exactly(objects), progress=said.append)
        self._judge(tip.ref, result.ref_status or {}, remote_lines(said))

    def _require_git(self, client: GitClient) -> None:
        """What is no answer of a smart server is read by dulwich as a list of refs, and an empty page as no refs."""
        if isinstance(client, HttpGitClient) and client.dumb:
            raise self._border.unavailable("what answers at its url does not speak git's smart HTTP protocol")

    def _judge(self, ref: Ref, status: Mapping[bytes, str | None], hooks: str) -> None:
        """Nothing is raised by dulwich for a ref that the server refused to move."""
        if ref not in status:
            raise self._border.unavailable("it did not say whether the branch was updated")
        refused = status[ref]
        if refused is None:
            return
        if classify(refused) is Refusal.RACE:
            raise Race(self._border.words(refused))
        raise self._border.rejected(f"{refused}\n{hooks}" if hooks else refused)

    @contextmanager
    def _client(self) -> Iterator[GitClient]:
        settings = self._settings
        if self._local:
            self._border.require_bare(self._local)
            yield LocalGitClient()
            return
        password = settings.password.get_secret_value() if settings.password else None
        username = settings.username or ("git" if password else None)
        client = HttpGitClient(
            settings.url, pool_manager=self._pool, username=username, password=password, timeout=settings.timeout
        )
        with closing(client):
            yield client

    @property
    def _path(self) -> bytes:
        return bytes(self._local) if self._local else b""


def _wants(objects: Objects, source: Ref, commits: list[ObjectID]) -> Callable[..., list[ObjectID]]:
    """Ask for nothing that is in the cache; note in ``commits`` what the branch points at."""

    def wants(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
        if source not in refs:
            return []
        commits.append(refs[source])
        return [] if objects.has(refs[source]) else [refs[source]]

    return wants


def _from(tip: Tip, commit: ObjectID) -> Callable[[dict[Ref, ObjectID]], dict[Ref, ObjectID]]:
    def update(advertised: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
        if advertised.get(tip.ref, ZERO_SHA) != (tip.commit or ZERO_SHA):
            raise Race(f"{tip.ref.decode(errors='replace')} moved")
        return {tip.ref: commit}

    return update


def _exactly(objects: Sequence[ShaFile]) -> "GeneratePackDataFunc":
    def pack(
        have: Set[ObjectID],
        want: Set[ObjectID],
        *,
        ofs_delta: bool = False,
        progress: Callable[[bytes], None] | None = None,
    ) -> tuple[int, Iterator[UnpackedObject]]:
        return pack_objects_to_data(objects, ofs_delta=ofs_delta)

    return pack
