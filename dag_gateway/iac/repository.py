"""One IaC repository, in the thread: plan a commit on a tip, push it, read what is there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from dulwich.objects import ObjectID, ShaFile

from dag_gateway.clock import Clock
from dag_gateway.config import RepositorySettings
from dag_gateway.errors import GatewayError
from dag_gateway.model.reason import Reason, StepFailed

from .cache import Cache, CacheBroken, Objects
from .change import Change, Edit, Folder, FolderMissing, FolderReplaced, Published, RemoteUnavailable
from .commit import deployment_of, identity, make_commit
from .history import Deployments, descends, introduced, replaced_by
from .remote import Remote, Tip
from .tree import Edited, Entry, PathRefused, entry_at, files_in, path_parts, replace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """A commit that is ready to be pushed on top of ``tip``, with all objects that are new, itself the last."""

    tip: Tip
    commit: ObjectID
    objects: tuple[ShaFile, ...]
    folder: Folder


class Repository:
    """Blocking; safe to use from several threads at once."""

    def __init__(self, name: str, settings: RepositorySettings, cache: Cache, clock: Clock) -> None:
        self._name = name
        self._cache = cache
        self._clock = clock
        self._remote = Remote(name, settings, clock)
        self._author = identity(settings.author.name, settings.author.email)
        self._tips: dict[str | None, Tip] = {}
        self._deployments: dict[str | None, Deployments] = {}

    def close(self) -> None:
        """Close the connections to the remote."""
        self._remote.close()

    def attempt(self, branch: str | None, change: Change, *, speculate: bool) -> Published:
        """Publish the change, once. With ``speculate`` on the tip that was seen last, without asking the remote.

        Raises Race when someone else was faster, RemoteUnavailable when the remote does not answer; the attempt
        after that must not speculate, because the push may have happened. StepFailed when it can never work.
        """
        known = self._tips.get(branch) if speculate else None
        try:
            return self._sound(lambda objects: self._attempt(objects, branch, change, known))
        except PathRefused as error:
            raise StepFailed(Reason.CONFIG_ERROR, error.message) from error

    def published(self, branch: str | None, deployment_id: str, path: str) -> Published | None:
        """The commit of a deployment in the remote branch. Raises PathRefused, RemoteUnavailable, StepFailed."""
        parts = path_parts(path)
        return self._sound(
            lambda objects: self._pushed(objects, branch, deployment_id, parts, self._fetch(objects, branch))
        )

    def folder(self, branch: str | None, path: str) -> Folder:
        """What is at ``path`` in the remote now. Raises FolderMissing, PathRefused, RemoteUnavailable, StepFailed."""
        parts = path_parts(path)

        def read(objects: Objects) -> Folder:
            tip = self._fetch(objects, branch)
            found = _folder_at(objects, tip.commit, parts) if tip.commit else None
            if found is None:
                raise _missing(self._name, path)
            return found

        return self._sound(read)

    def contains(self, branch: str | None, path: str, ancestor: str, commit: str) -> bool:
        """Whether ``commit`` is ``ancestor`` or comes after it; asks the remote when ``commit`` is not known here.

        Raises FolderReplaced when it comes after it with something else at ``path``.
        """
        wanted, ours = ObjectID(commit.encode()), ObjectID(ancestor.encode())

        def ask(objects: Objects) -> bool:
            if not objects.has(wanted):
                self._fetch(objects, branch)
            if not (objects.has(wanted) and descends(objects.commit, wanted, ours)):
                return False
            if by := replaced_by(objects.read, objects.commit, path_parts(path), ours, wanted):
                raise FolderReplaced(path, by.id.decode(), deployment_of(by.message))
            return True

        return self._sound(ask)

    def _sound(self, work: Callable[[Objects], T]) -> T:
        try:
            return self._cache.sound(work)
        except CacheBroken as error:
            raise RemoteUnavailable(
                f"the local copy of the IaC repository {self._name!r} can not be used: check the space and the owner "
                "of the data directory"
            ) from error

    def _fetch(self, objects: Objects, branch: str | None) -> Tip:
        tip = self._remote.fetch(objects, branch)
        self._tips[branch] = tip
        return tip

    def _attempt(self, objects: Objects, branch: str | None, change: Change, known: Tip | None) -> Published:
        guess = self._guess(objects, branch, change, known) if known else None
        plan = guess or self._plan(objects, branch, change, self._fetch(objects, branch))
        return self._push(objects, branch, plan) if isinstance(plan, Draft) else plan

    def _guess(self, objects: Objects, branch: str | None, change: Change, known: Tip) -> Draft | None:
        """A draft on a tip that may be out of date. Only a draft counts: the remote checks its tip when it is pushed.

        That there is nothing to push, or that it can not be done, must be seen on the tip of now.
        """
        if known.commit and not objects.has(known.commit):
            return None
        try:
            plan = self._plan(objects, branch, change, known)
        except GatewayError:
            return None
        return plan if isinstance(plan, Draft) else None

    def _plan(self, objects: Objects, branch: str | None, change: Change, tip: Tip) -> Published | Draft:
        parts = path_parts(change.path)
        if pushed := self._pushed(objects, branch, change.deployment_id, parts, tip):
            return pushed
        root = objects.commit(tip.commit).tree if tip.commit else None
        entry = entry_at(objects.read, root, parts) if root else None
        current = _folder(objects, tip.commit, entry) if tip.commit and entry else None
        edit = change.build(current)
        edited = replace(objects.read, root, parts, edit.files) if edit else None
        if edit and edited and (entry is None or edited.folder != entry[1]):
            return self._draft(tip, edit, edited)
        if current is None or tip.commit is None or entry is None:
            raise _missing(self._name, change.path)
        origin = introduced(objects.read, objects.commit, tip.commit, parts, entry)
        return Published(origin.decode(), False, current)

    def _pushed(
        self, objects: Objects, branch: str | None, deployment_id: str, parts: list[bytes], tip: Tip
    ) -> Published | None:
        """The commit of this deployment that is in the branch already: a kill came between push and record."""
        if tip.commit is None:
            return None
        deployments = self._deployments.get(branch, Deployments()).at(objects.commit, tip.commit)
        self._deployments[branch] = deployments
        commit = deployments.commits.get(deployment_id)
        folder = _folder_at(objects, commit, parts) if commit else None
        return Published(folder.commit, True, folder) if folder else None

    def _draft(self, tip: Tip, edit: Edit, edited: Edited) -> Draft:
        when = int(self._clock.now().timestamp())
        parents = [tip.commit] if tip.commit else []
        commit = make_commit(edited.root, parents, edit.message, self._author, when)
        folder = Folder(commit.id.decode(), edited.folder.decode(), dict(edit.files))
        return Draft(tip, commit.id, (*edited.objects, commit), folder)

    def _push(self, objects: Objects, branch: str | None, draft: Draft) -> Published:
        self._remote.push(draft.tip, draft.commit, draft.objects)
        objects.add(draft.objects)
        objects.remember(draft.tip.ref, draft.commit)
        self._tips[branch] = Tip(draft.tip.ref, draft.commit)
        return Published(draft.folder.commit, True, draft.folder)


def _folder(objects: Objects, commit: ObjectID, entry: Entry) -> Folder:
    return Folder(commit.decode(), entry[1].decode(), files_in(objects.read, entry[1]))


def _folder_at(objects: Objects, commit: ObjectID, parts: list[bytes]) -> Folder | None:
    entry = entry_at(objects.read, objects.commit(commit).tree, parts)
    return _folder(objects, commit, entry) if entry else None


def _missing(name: str, path: str) -> FolderMissing:
    return FolderMissing(f"there is nothing at {path!r} in the IaC repository {name!r}")
