"""One IaC repository, in the thread: plan commits on a tip, push them, read what is there."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from dulwich.objects import ObjectID

from dag_gateway.clock import Clock
from dag_gateway.config import RepositorySettings
from dag_gateway.model.reason import Reason, StepFailed

from .cache import Cache, CacheBroken, CacheUnwritable, Objects
from .chain import Chain, Signature
from .change import Change, Folder, FolderMissing, Published, RemoteUnavailable
from .commit import identity
from .history import Deployments
from .lineage import Answer, Lineage, Question
from .metrics import GitMetrics
from .reader import Reader
from .remote import Remote, Tip
from .tree import PathRefused, blobs_in, entry_at, folder_at, path_parts

T = TypeVar("T")

Outcome = Published | Exception
"""What became of one change: where it stands, or why it alone can not be made."""


class Repository:
    """Blocking; safe to use from several threads at once."""

    def __init__(
        self, name: str, settings: RepositorySettings, cache: Cache, clock: Clock, metrics: GitMetrics
    ) -> None:
        self._name = name
        self._cache = cache
        self._clock = clock
        self._remote = Remote(name, settings, clock, metrics)
        self._author = identity(settings.author.name, settings.author.email)
        self._saver = ThreadPoolExecutor(1, f"git-{name}-save")
        self._tips: dict[str | None, Tip] = {}
        self._deployments: dict[str | None, Deployments] = {}
        self._deep: set[tuple[int, str | None]] = set()

    def close(self) -> None:
        """Close the connections to the remote. Nothing may be under way any more."""
        self._saver.shutdown()
        self._remote.close()

    def attempt(self, branch: str | None, changes: Sequence[Change], *, speculate: bool) -> list[Outcome]:
        """Publish the changes in one push, once, and say what became of each of them, in their order.

        With ``speculate`` on the tip that was seen last, without asking the remote. Raises Race when someone else was
        faster, RemoteUnavailable when the remote does not answer; the attempt after that must not speculate, because
        the push may have happened. PushRefused when the remote does not take this push; StepFailed when it takes none.
        """
        known = self._tips.get(branch) if speculate else None
        return self._sound(lambda objects: self._attempt(objects, branch, changes, known))

    def published(self, branch: str | None, deployment_id: str, path: str) -> Published | None:
        """The commit of a deployment in the remote branch. Raises PathRefused, RemoteUnavailable, StepFailed."""
        parts = path_parts(path)

        def find(objects: Objects) -> Published | None:
            tip = self._fetch(objects, branch)
            commit = self._history(objects, branch, tip).commits.get(deployment_id)
            folder = self._folder(objects, commit, parts) if commit else None
            return Published(folder.commit, True, folder) if folder else None

        return self._sound(find)

    def folder(self, branch: str | None, path: str) -> Folder:
        """What is at ``path`` in the remote now. Raises FolderMissing, PathRefused, RemoteUnavailable, StepFailed."""
        parts = path_parts(path)

        def read(objects: Objects) -> Folder:
            tip = self._fetch(objects, branch)
            found = self._folder(objects, tip.commit, parts) if tip.commit else None
            if found is None:
                raise FolderMissing(f"there is nothing at {path!r} in the IaC repository {self._name!r}")
            return found

        return self._sound(read)

    def before(self, branch: str | None, path: str, commit: str) -> Folder | None:
        """What was at ``path`` in the first parent of ``commit``. Raises PathRefused, RemoteUnavailable, StepFailed."""
        wanted, parts = ObjectID(commit.encode()), path_parts(path)

        def read(objects: Objects) -> Folder | None:
            if not objects.has(wanted):
                self._fetch(objects, branch)
            parents = objects.commit(wanted).parents if objects.has(wanted) else []
            if parents and parents[0] in objects.cut:
                self._remote.fetch(objects, branch, deeper=True)
            return self._folder(objects, parents[0], parts) if parents else None

        return self._sound(read)

    def contains(self, branch: str | None, questions: Sequence[Question]) -> list[Answer]:
        """In one look at the cache; the remote is asked when that can not tell, once for all questions."""

        def look(objects: Objects) -> list[Answer]:
            fetch, deepen = partial(self._fetch, objects, branch), partial(self._deepened, objects, branch)
            return Lineage(objects, fetch, deepen).answers(questions)

        return self._sound(look)

    @property
    def overgrown(self) -> bool:
        """Whether the cache takes more room on the disk than it may."""
        return self._cache.overgrown

    def renew(self) -> None:
        """Make the cache anew from the remote, as small as it can be. Raises RemoteUnavailable, StepFailed."""

        def fill(objects: Objects) -> None:
            for branch in list(self._tips):
                self._remote.fetch(objects, branch)

        self._told(lambda: self._cache.renew(fill))

    def _sound(self, work: Callable[[Objects], T]) -> T:
        return self._told(lambda: self._cache.sound(work))

    def _told(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except CacheUnwritable as error:
            raise RemoteUnavailable(
                f"the local copy of the IaC repository {self._name!r} can not be written: {error}; make room in "
                "data_dir, and the work goes on by itself"
            ) from error
        except CacheBroken as error:
            raise RemoteUnavailable(
                f"the local copy of the IaC repository {self._name!r} can not be used: check the space and the owner "
                "of the data directory"
            ) from error

    def _fetch(self, objects: Objects, branch: str | None) -> Tip:
        tip = self._remote.fetch(objects, branch)
        self._tips[branch] = tip
        return tip

    def _attempt(
        self, objects: Objects, branch: str | None, changes: Sequence[Change], known: Tip | None
    ) -> list[Outcome]:
        """On a tip that may be out of date only a push counts, because the remote checks the tip then; that there is
        nothing to push, or that it can not be done, must be seen on the tip of now."""
        if known and known.commit and objects.has(known.commit):
            chain, outcomes = self._plan(objects, branch, changes, known)
            if chain.commits:
                self._push(objects, branch, known, chain)
                return outcomes
        tip = self._fetch(objects, branch)
        if tip.commit is None:
            self._remote.require_empty(tip.ref)
        chain, outcomes = self._plan(objects, branch, changes, tip)
        if chain.commits:
            self._push(objects, branch, tip, chain)
        return outcomes

    def _plan(
        self, objects: Objects, branch: str | None, changes: Sequence[Change], tip: Tip
    ) -> tuple[Chain, list[Outcome]]:
        reader = Reader(objects.read)
        history = self._history(objects, branch, tip)
        if tip.commit:
            done = [
                (history.commits[one.deployment_id], one.path)
                for one in changes
                if one.deployment_id in history.commits
            ]
            places = [(tip.commit, change.path) for change in changes]
            self._need_files(objects, reader, [*done, *places])
        signature = Signature(self._author, int(self._clock.now().timestamp()))
        chain = Chain(objects, reader, tip.commit, history, signature)
        return chain, [self._outcome(chain, change) for change in changes]

    def _outcome(self, chain: Chain, change: Change) -> Outcome:
        try:
            return chain.add(change)
        except PathRefused as error:
            return StepFailed(Reason.CONFIG_ERROR, error.message)
        except (CacheBroken, CacheUnwritable):
            raise
        except Exception as error:  # whatever is wrong with one change, the others have nothing to do with it
            return error

    def _push(self, objects: Objects, branch: str | None, tip: Tip, chain: Chain) -> None:
        head = chain.commits[-1]
        saving: list[Future[None]] = []

        def save() -> None:
            """While the remote is at work."""
            saving.append(self._saver.submit(objects.add, chain.objects))

        try:
            self._remote.push(tip, chain.commits, chain.objects, save)
        finally:
            wait(saving)
        for saved in saving:
            saved.result()
        objects.remember(tip.ref, head)
        self._tips[branch] = Tip(tip.ref, head)

    def _history(self, objects: Objects, branch: str | None, tip: Tip) -> Deployments:
        known = self._deployments.get(branch, Deployments())
        if tip.commit:
            known = self._deployments[branch] = known.at(objects.commit, tip.commit, objects.cut)
        return known

    def _deepened(self, objects: Objects, branch: str | None) -> bool:
        """Whether a longer history was fetched now; once in the life of a cache is enough."""
        key = (objects.generation, branch)
        if key in self._deep:
            return False
        self._remote.fetch(objects, branch, deeper=True)
        self._deep.add(key)
        return True

    def _folder(self, objects: Objects, commit: ObjectID, parts: list[bytes]) -> Folder | None:
        reader = Reader(objects.read)
        self._need_files(objects, reader, [(commit, b"/".join(parts).decode())])
        return folder_at(reader, commit, objects.commit(commit).tree, parts)

    def _need_files(self, objects: Objects, reader: Reader, places: Sequence[tuple[ObjectID, str]]) -> None:
        """Fetch what a fetch without files has left out of these folders of these commits, all in one question."""
        folders = {(objects.commit(commit).tree, path) for commit, path in set(places)}
        wanted = []
        for blob in {blob for root, path in folders for blob in _blobs_at(reader, root, path)}:
            if found := objects.find(blob):
                reader.keep(blob, found[1])
            else:
                wanted.append(blob)
        if wanted:
            self._remote.fetch_objects(objects, sorted(wanted))


def _blobs_at(reader: Reader, root: ObjectID, path: str) -> Iterator[ObjectID]:
    """Nothing where no folder is: who asks for it is told by others."""
    try:
        entry = entry_at(reader, root, path_parts(path))
    except PathRefused:
        return
    if entry:
        yield from blobs_in(reader, entry[1]).values()
