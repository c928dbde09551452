"""Which commits have which others behind them, with the same folder still: many questions in one look at the cache."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from dulwich.objects import ObjectID

from dag_gateway.errors import GatewayError

from .cache import Objects
from .change import FolderReplaced
from .commit import deployment_of
from .history import HISTORY, descends, folder_entry, introduced
from .reader import Reader
from .tree import path_parts


@dataclass(frozen=True, slots=True)
class Question:
    """Whether ``commit`` is ``ancestor`` or comes after it, with the same folder at ``path``; hexadecimal ids."""

    path: str
    ancestor: str
    commit: str


Answer = bool | None | GatewayError
"""None: the remote does not show the commit, which it may do later. An error is the answer to its question alone."""


class Lineage:
    """One look. What many ask for is read once, and the remote is asked once for what is not here.

    ``fetch`` brings what the branch has, ``deepen`` more of its history; it says whether there can be more. What they
    raise is the answer to all who need them.
    """

    def __init__(self, objects: Objects, fetch: Callable[[], object], deepen: Callable[[], bool]) -> None:
        self._objects = objects
        self._commit = lru_cache(HISTORY)(objects.commit)
        self._reader = Reader(objects.read)
        self._fetch = _Once(fetch)
        self._deepen = _Once(deepen)
        self._behind: dict[ObjectID, Mapping[ObjectID, bool]] = {}

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """In the order of the questions."""
        ancestors: dict[str, set[ObjectID]] = {}
        for question in questions:
            ancestors.setdefault(question.commit, set()).add(ObjectID(question.ancestor.encode()))
        return [self._answer(question, ancestors[question.commit]) for question in questions]

    def _answer(self, question: Question, ancestors: Collection[ObjectID]) -> Answer:
        try:
            return self._contains(question, ancestors)
        except GatewayError as error:
            return error

    def _contains(self, question: Question, ancestors: Collection[ObjectID]) -> bool | None:
        """``ancestors`` are all that are asked for of this commit. Raises FolderReplaced."""
        wanted, ours = ObjectID(question.commit.encode()), ObjectID(question.ancestor.encode())
        if not self._objects.has(wanted):
            self._fetch()
        if not self._objects.has(wanted):
            return None
        if not self._descends(wanted, ancestors)[ours]:
            return False
        self._check_folder(question.path, ours, wanted)
        return True

    def _check_folder(self, path: str, ours: ObjectID, wanted: ObjectID) -> None:
        parts = path_parts(path)
        folder, before = (folder_entry(self._reader, self._commit(one).tree, parts) for one in (wanted, ours))
        if folder != before:
            by = introduced(self._objects.read, self._commit, wanted, parts, folder, self._objects.cut)
            raise FolderReplaced(path, by.decode(), deployment_of(self._commit(by).message))

    def _descends(self, commit: ObjectID, ancestors: Collection[ObjectID]) -> Mapping[ObjectID, bool]:
        """A commit from before ours is the ordinary case while a cluster is behind, and not worth a longer history."""
        if commit not in self._behind:
            known = descends(self._commit, commit, ancestors, self._objects.cut)
            doubtful = (ancestor for ancestor, told in known.items() if told is None)
            if any(not self._comes_before(commit, ancestor) for ancestor in doubtful) and self._deepen():
                known = descends(self._commit, commit, ancestors, self._objects.cut)
            self._behind[commit] = {ancestor: bool(told) for ancestor, told in known.items()}
        return self._behind[commit]

    def _comes_before(self, commit: ObjectID, other: ObjectID) -> bool:
        return self._objects.has(other) and bool(descends(self._commit, other, [commit], self._objects.cut)[commit])


class _Once:
    """A question to the remote that the first asks who needs it: the same answer, or the same error, for all."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._asked = False
        self._answer = False
        self._error: GatewayError | None = None

    def __call__(self) -> bool:
        if not self._asked:
            self._asked = True
            try:
                self._answer = bool(self._ask())
            except GatewayError as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return self._answer
