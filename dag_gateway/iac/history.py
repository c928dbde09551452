"""Questions to the history of a branch. Pure: they read commits through a function.

``cut`` names the commits that can not be read, because a shallow history ends before them.
"""

import heapq
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from dulwich.objects import Commit, ObjectID

from .commit import deployment_of
from .reader import Entry, Raw, Reader
from .tree import PathRefused, entry_at

Read = Callable[[ObjectID], Raw]
ReadCommit = Callable[[ObjectID], Commit]
Stop = Callable[[ObjectID], bool]

HISTORY = 1000
"""How many commits are looked at for a deployment and for the origin of a folder."""
LINEAGE = 20_000
"""How many commits are looked at for an ancestor."""


@dataclass(frozen=True, slots=True)
class Deployments:
    """Deployment ids of the recent history of ``tip``, and the commits that carry them."""

    tip: ObjectID | None = None
    seen: frozenset[ObjectID] = frozenset()
    commits: Mapping[str, ObjectID] = field(default_factory=dict)

    def at(self, read: ReadCommit, tip: ObjectID, cut: Container[ObjectID] = ()) -> Self:
        """The same for ``tip``: only what came since is read, unless the branch was rewritten or too much came."""
        if tip == self.tip:
            return self
        new = list(recent(read, tip, HISTORY, lambda sha: sha in self.seen or sha in cut))
        grown = any(self.tip in commit.parents for commit in new) and len(self.seen) < 10 * HISTORY
        seen, commits = (self.seen, self.commits) if grown else (frozenset(), {})
        if not grown and self.seen:
            new = list(recent(read, tip, HISTORY, cut.__contains__))
        found = {id_: commit.id for commit in reversed(new) if (id_ := deployment_of(commit.message))}
        return type(self)(tip, seen | {commit.id for commit in new}, {**commits, **found})


def recent(read: ReadCommit, tip: ObjectID, limit: int, stop: Stop = lambda _: False) -> Iterator[Commit]:
    """The commits that ``tip`` descends from, itself included, newest first and at most ``limit``, up to those where
    ``stop`` holds, which are left out. All parents are followed: a merge may put ours second."""
    if stop(tip):
        return
    waiting = [_by_age(read(tip))]
    met = {tip}
    for _ in range(limit):
        if not waiting:
            return
        commit = heapq.heappop(waiting)[2]
        yield commit
        for parent in commit.parents:
            if parent not in met and not stop(parent):
                met.add(parent)
                heapq.heappush(waiting, _by_age(read(parent)))


def descends(
    read: ReadCommit, commit: ObjectID, ancestors: Collection[ObjectID], cut: Container[ObjectID] = ()
) -> Mapping[ObjectID, bool | None]:
    """Which of ``ancestors`` are ``commit`` or behind it; None where the history that is here is too short to tell."""
    count, complete, missing = 0, True, set(ancestors)
    for found in recent(read, commit, LINEAGE, cut.__contains__):
        missing.discard(found.id)
        if not missing:
            break
        count += 1
        complete = complete and not any(parent in cut for parent in found.parents)
    not_found = False if complete and count < LINEAGE else None
    return {ancestor: not_found if ancestor in missing else True for ancestor in ancestors}


def introduced(
    read: Read,
    read_commit: ReadCommit,
    tip: ObjectID,
    parts: list[bytes],
    entry: Entry | None,
    cut: Container[ObjectID] = (),
) -> ObjectID:
    """The commit that brought ``entry`` to the path: the last first parent in a row that has it.

    ``entry`` None stands for nothing at the path.
    """
    commit = read_commit(tip)
    for _ in range(HISTORY):
        if not commit.parents or commit.parents[0] in cut:
            break
        parent = read_commit(commit.parents[0])
        if folder_entry(Reader(read), parent.tree, parts) != entry:
            break
        commit = parent
    return commit.id


def folder_entry(reader: Reader, root: ObjectID, parts: list[bytes]) -> Entry | None:
    """None when there is no folder at the path."""
    try:
        return entry_at(reader, root, parts)
    except PathRefused:
        return None


def _by_age(commit: Commit) -> tuple[int, ObjectID, Commit]:
    return (-commit.commit_time, commit.id, commit)
