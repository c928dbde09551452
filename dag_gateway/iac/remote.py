"""The remote repository: fetch one branch, push commits to it; what goes wrong there is told in words of our own."""

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dulwich.client import FetchPackResult, GitClient, HttpGitClient
from dulwich.errors import GitProtocolError
from dulwich.object_store import ObjectStoreGraphWalker
from dulwich.objects import ZERO_SHA, ObjectID, hex_to_sha
from dulwich.pack import UnpackedObject
from dulwich.refs import HEADREF, Ref

from dag_gateway.clock import Clock
from dag_gateway.config import RepositorySettings

from .border import Border
from .cache import Objects
from .commit import branch_ref
from .history import HISTORY, LINEAGE
from .local import push_locally
from .metrics import GitMetrics
from .reader import New
from .refusal import Race, Refusal, classify, is_closed, remote_lines
from .transport import LocalTransport, open_transport

if TYPE_CHECKING:
    from dulwich.client import DetermineWantsFunc, GeneratePackDataFunc

_IN_MEMORY = 16 * 1024**2
_WITHOUT_FILES = b"blob:none"
_FIRST_BRANCH = branch_ref("main")
"""Where an empty repository does not tell what its HEAD is going to be."""


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a branch stands; ``commit`` is None when it does not exist yet."""

    ref: Ref
    commit: ObjectID | None


class Remote:
    """One remote. Thread-safe: each operation has a client of its own, the connections are shared."""

    def __init__(self, name: str, settings: RepositorySettings, clock: Clock, metrics: GitMetrics) -> None:
        self._border = Border(name, settings, clock)
        self._transport = open_transport(settings, self._border)
        self._metrics = metrics
        self._shallow = not isinstance(self._transport, LocalTransport)

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def fetch(self, objects: Objects, branch: str | None, *, deeper: bool = False) -> Tip:
        """Bring ``branch`` (None: the remote's HEAD) into the cache and say where it stands.

        The first fetch takes the last ``HISTORY`` commits, ``deeper`` the last ``LINEAGE`` ones, where the server can
        cut. Raises RemoteUnavailable, or StepFailed where trying again can not help.
        """
        source = branch_ref(branch) if branch else HEADREF
        begun = source in objects.heads if branch else bool(objects.heads)
        depth = LINEAGE if deeper else None if begun else HISTORY
        wants = _Branch(objects, source, again=deeper)
        with self._metrics.fetching():
            found = self._fetch(objects, wants, objects.walker(), depth, [HEADREF, source])
        if not branch and wants.commit and HEADREF not in found.symrefs:
            raise self._border.detached()
        tip = Tip(branch_ref(branch) if branch else found.symrefs.get(HEADREF, _FIRST_BRANCH), wants.commit)
        if tip.commit:
            objects.remember(tip.ref, tip.commit)
        return tip

    def require_empty(self, ref: Ref) -> None:
        """Before the first commit of a branch. One that went away must not come back with nothing but one folder in it:
        what follows the repository would remove all the rest. Raises StepFailed unless the remote has no refs at all.
        """
        with self._border.crossed(), self._transport.client() as client:
            refs = client.get_refs(self._transport.path).refs
            self._require_git(client)
        if any(refs.values()):
            raise self._border.no_branch(ref)

    def fetch_objects(self, objects: Objects, wanted: Collection[ObjectID]) -> None:
        """Bring single objects into the cache, such as files that a fetch left out. Raises as ``fetch``."""
        with self._metrics.fetching():
            self._fetch(
                objects, lambda refs, depth=None: list(wanted), ObjectStoreGraphWalker([], _no_parents), None, []
            )

    def _fetch(
        self,
        objects: Objects,
        wants: "DetermineWantsFunc",
        walker: ObjectStoreGraphWalker,
        depth: int | None,
        prefixes: Sequence[Ref],
    ) -> FetchPackResult:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as pack:
            with self._border.crossed(), self._transport.client() as client:
                found = self._ask(client, wants, walker, pack.write, depth if self._shallow else None, prefixes)
                self._require_git(client)
            if size := pack.tell():
                pack.seek(0)
                objects.shorten(found.new_shallow or set())
                objects.add_pack(pack, size)
                objects.lengthen(found.new_unshallow or set())
        return found

    def _ask(
        self,
        client: GitClient,
        wants: "DetermineWantsFunc",
        walker: ObjectStoreGraphWalker,
        keep: Callable[[bytes], int],
        depth: int | None,
        prefixes: Sequence[Ref],
    ) -> FetchPackResult:
        try:
            return client.fetch_pack(
                self._transport.path,
                wants,
                walker,
                keep,
                depth=depth,
                ref_prefix=prefixes,
                filter_spec=_WITHOUT_FILES if self._shallow else None,
            )
        except GitProtocolError as error:
            if depth is None or "shallow" not in str(error):
                raise
        self._shallow = False
        return self._ask(client, wants, walker, keep, None, prefixes)

    def push(self, tip: Tip, commits: Sequence[ObjectID], objects: Collection[New], begun: Callable[[], None]) -> None:
        """Move the branch from ``tip`` to the last of ``commits``; ``objects`` are exactly what the remote lacks.

        ``begun`` is called once the branch was seen where ``tip`` says and all objects are on their way.

        Raises Race when the branch is not (or no longer) where ``tip`` says; RemoteUnavailable when it did not
        answer, and then the push may have happened or not; PushRefused when it does not take it; StepFailed when it
        refuses the gateway.
        """
        with self._metrics.pushing(len(commits)), self._border.crossed():
            if isinstance(self._transport, LocalTransport):
                begun()
                push_locally(self._transport.folder, tip.ref, tip.commit, commits[-1], objects)
            else:
                self._push_over_the_wire(tip, commits[-1], objects, begun)

    def _push_over_the_wire(
        self, tip: Tip, commit: ObjectID, objects: Collection[New], begun: Callable[[], None]
    ) -> None:
        said: list[bytes] = []
        with self._transport.client() as client:
            path = self._transport.path
            result = client.send_pack(path, _from(tip, commit), _exactly(objects, begun), progress=said.append)
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
        said = f"{refused}\n{hooks}" if hooks else refused
        raise self._border.closed(said) if is_closed(refused, hooks) else self._border.rejected(said)


class _Branch:
    """Asks for nothing that is in the cache, but ``again``; ``commit`` is what the branch points at, None: nothing."""

    def __init__(self, objects: Objects, source: Ref, *, again: bool) -> None:
        self.commit: ObjectID | None = None
        self._objects = objects
        self._source = source
        self._again = again

    def __call__(self, refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
        self.commit = refs.get(self._source)
        if self.commit is None or (self._objects.has(self.commit) and not self._again):
            return []
        return [self.commit]


def _no_parents(_: ObjectID) -> list[ObjectID]:
    return []


def _from(tip: Tip, commit: ObjectID) -> Callable[[dict[Ref, ObjectID]], dict[Ref, ObjectID]]:
    def update(advertised: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
        if advertised.get(tip.ref, ZERO_SHA) != (tip.commit or ZERO_SHA):
            raise Race(f"{tip.ref.decode(errors='replace')} moved")
        return {tip.ref: commit}

    return update


def _exactly(objects: Collection[New], begun: Callable[[], None]) -> "GeneratePackDataFunc":
    def packed() -> Iterator[UnpackedObject]:
        yield from map(_packed, objects)
        begun()

    def pack(
        have: Set[ObjectID],
        want: Set[ObjectID],
        *,
        ofs_delta: bool = False,
        progress: Callable[[bytes], None] | None = None,
    ) -> tuple[int, Iterator[UnpackedObject]]:
        return len(objects), packed()

    return pack


def _packed(new: New) -> UnpackedObject:
    return UnpackedObject(new.kind, decomp_chunks=[new.content], sha=hex_to_sha(new.id))
