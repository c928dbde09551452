"""The commits of one push, planned on top of one another before anything is sent. No network."""

from collections.abc import Collection
from dataclasses import dataclass

from dulwich.objects import Commit, ObjectID

from .cache import Objects
from .change import Change, Edit, Folder, Published
from .commit import make_commit
from .history import Deployments, introduced
from .reader import New, Raw, Reader
from .tree import FOLDER, Edited, folder_at, path_parts, replace


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signs the commits, as ``Name <email>``, and when, in seconds since the epoch."""

    author: bytes
    when: int


class Chain:
    """Starts at ``tip`` (None: a branch without commits) and grows by one commit per change that changes something.

    ``deployments`` are those in the history of ``tip``. ``reader`` reads from ``objects``.
    """

    def __init__(
        self, objects: Objects, reader: Reader, tip: ObjectID | None, deployments: Deployments, signature: Signature
    ) -> None:
        self.head = tip
        self.commits: list[ObjectID] = []
        self._stored = objects
        self._reader = reader
        self._made: dict[ObjectID, New] = {}
        self._commits: dict[ObjectID, Commit] = {}
        self._deployments = dict(deployments.commits)
        self._signature = signature

    @property
    def objects(self) -> Collection[New]:
        """Exactly what the remote does not have yet; each commit comes after what belongs to it."""
        return self._made.values()

    def add(self, change: Change) -> Published:
        """Where the change will stand when the chain is pushed.

        Raises PathRefused and what ``build`` raises; the chain is then as it was.
        """
        parts = path_parts(change.path)
        if done := self._done(change.deployment_id, parts):
            return done
        root = self._commit(self.head).tree if self.head else None
        current = folder_at(self._reader, self.head, root, parts) if self.head and root else None
        edit = change.build(current)
        edited = replace(self._reader, root, parts, edit.files)
        if self.head is None or current is None or edited.folder != current.tree.encode():
            return self._grow(change.deployment_id, edit, edited)
        origin = introduced(self._glance, self._commit, self.head, parts, (FOLDER, edited.folder), self._stored.cut)
        return Published(origin.decode(), False, current)

    def _done(self, deployment_id: str, parts: list[bytes]) -> Published | None:
        """The commit of this deployment that is there already: a kill came between push and record."""
        commit = self._deployments.get(deployment_id)
        folder = folder_at(self._reader, commit, self._commit(commit).tree, parts) if commit else None
        return Published(folder.commit, True, folder) if folder else None

    def _grow(self, deployment_id: str, edit: Edit, edited: Edited) -> Published:
        parents = [self.head] if self.head else []
        commit = make_commit(edited.root, parents, edit.message, self._signature.author, self._signature.when)
        new = New(commit.id, Commit.type_num, commit.as_raw_string())
        self._made |= {one.id: one for one in (*edited.objects, new)}
        self._commits[commit.id] = commit
        self.commits.append(commit.id)
        self.head = commit.id
        self._deployments[deployment_id] = commit.id
        return Published(commit.id.decode(), True, Folder(commit.id.decode(), edited.folder.decode(), dict(edit.files)))

    def _commit(self, sha: ObjectID) -> Commit:
        return self._commits.get(sha) or self._stored.commit(sha)

    def _glance(self, sha: ObjectID) -> Raw:
        """For walks through the history, which would fill the memory with trees that nobody asks for again."""
        made = self._made.get(sha)
        return (made.kind, made.content) if made else self._stored.read(sha)
