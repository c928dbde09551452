"""The commits of one push, planned on top of one another before anything is sent. No network."""

from collections.abc import Iterable
from dataclasses import dataclass

from dulwich.objects import Commit, ObjectID, ShaFile

from .cache import Objects
from .change import Change, Edit, Folder, FolderMissing, Published
from .commit import make_commit
from .history import Deployments, introduced
from .tree import Edited, Entry, Raw, Read, entry_at, files_in, path_parts, replace


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signs the commits, as ``Name <email>``, and when, in seconds since the epoch."""

    author: bytes
    when: int


class Chain:
    """Starts at ``tip`` (None: a branch without commits) and grows by one commit per change that changes something.

    ``deployments`` are those in the history of ``tip``. ``once`` reads from ``objects`` and remembers.
    """

    def __init__(
        self, objects: Objects, once: Read, tip: ObjectID | None, deployments: Deployments, signature: Signature
    ) -> None:
        self.head = tip
        self.commits: list[ObjectID] = []
        self._stored = objects
        self._once = once
        self._made: dict[ObjectID, ShaFile] = {}
        self._deployments = dict(deployments.commits)
        self._signature = signature

    @property
    def objects(self) -> Iterable[ShaFile]:
        """Exactly what the remote does not have yet; each commit comes after what belongs to it."""
        return self._made.values()

    def add(self, change: Change) -> Published:
        """Where the change will stand when the chain is pushed.

        Raises PathRefused, FolderMissing when ``build`` leaves as it is what is not there, and what ``build`` raises;
        the chain is then as it was.
        """
        parts = path_parts(change.path)
        if done := self._done(change.deployment_id, parts):
            return done
        root = self._commit(self.head).tree if self.head else None
        entry = entry_at(self._read, root, parts) if root else None
        current = self._folder(self.head, entry) if self.head and entry else None
        edit = change.build(current)
        edited = replace(self._read, root, parts, edit.files) if edit else None
        if edit and edited and (entry is None or edited.folder != entry[1]):
            return self._grow(change.deployment_id, edit, edited)
        if current is None or self.head is None or entry is None:
            raise FolderMissing(f"there is nothing at {change.path!r}")
        origin = introduced(self._glance, self._commit, self.head, parts, entry, self._stored.cut)
        return Published(origin.decode(), False, current)

    def _done(self, deployment_id: str, parts: list[bytes]) -> Published | None:
        """The commit of this deployment that is there already: a kill came between push and record."""
        commit = self._deployments.get(deployment_id)
        entry = entry_at(self._read, self._commit(commit).tree, parts) if commit else None
        return Published(commit.decode(), True, self._folder(commit, entry)) if commit and entry else None

    def _grow(self, deployment_id: str, edit: Edit, edited: Edited) -> Published:
        parents = [self.head] if self.head else []
        commit = make_commit(edited.root, parents, edit.message, self._signature.author, self._signature.when)
        self._made |= {obj.id: obj for obj in (*edited.objects, commit)}
        self.commits.append(commit.id)
        self.head = commit.id
        self._deployments[deployment_id] = commit.id
        return Published(commit.id.decode(), True, Folder(commit.id.decode(), edited.folder.decode(), dict(edit.files)))

    def _folder(self, commit: ObjectID, entry: Entry) -> Folder:
        return Folder(commit.decode(), entry[1].decode(), files_in(self._read, entry[1]))

    def _commit(self, sha: ObjectID) -> Commit:
        made = self._made.get(sha)
        return made if isinstance(made, Commit) else self._stored.commit(sha)

    def _read(self, sha: ObjectID) -> Raw:
        return self._of_chain(sha) or self._once(sha)

    def _glance(self, sha: ObjectID) -> Raw:
        """For walks through the history, which would fill the memory with trees that nobody asks for again."""
        return self._of_chain(sha) or self._stored.read(sha)

    def _of_chain(self, sha: ObjectID) -> Raw | None:
        made = self._made.get(sha)
        return (made.type_num, made.as_raw_string()) if made else None
