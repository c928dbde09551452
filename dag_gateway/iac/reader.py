"""Objects as plain bytes, the stored ones and those that are made here; each is read and taken apart once."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree, parse_tree

_ID_BYTES = 20
_NAMES = {one.type_num: one.type_name for one in (Blob, Tree, Commit)}

Raw = tuple[int, bytes]
"""The type number of an object in git's own count, and its content. The library's objects take it apart at once."""

Entry = tuple[int, ObjectID]
"""Mode and id of what a tree has under one name."""


@dataclass(frozen=True, slots=True)
class New:
    """An object that was made here."""

    id: ObjectID
    kind: int
    content: bytes

    def as_stored(self) -> ShaFile:
        """In the form in which the library stores it."""
        return ShaFile.from_raw_string(self.kind, self.content, self.id)


class Reader:
    """Objects by id, each read once and each tree taken apart once, for the time of one edit or a few.

    ``read`` raises KeyError for an unknown object, and so do the methods, for an object of another kind too.
    """

    def __init__(self, read: Callable[[ObjectID], Raw]) -> None:
        self._read = read
        self._content: dict[ObjectID, bytes] = {}
        self._entries: dict[ObjectID, Mapping[bytes, Entry]] = {}

    def file(self, sha: ObjectID) -> bytes:
        return self._of_kind(sha, Blob.type_num)

    def tree(self, sha: ObjectID) -> bytes:
        return self._of_kind(sha, Tree.type_num)

    def entries(self, sha: ObjectID) -> Mapping[bytes, Entry]:
        """Mode and id by name."""
        if sha not in self._entries:
            listed = parse_tree(self.tree(sha), _ID_BYTES)
            self._entries[sha] = {name: (mode, ObjectID(below)) for name, mode, below in listed}
        return self._entries[sha]

    def keep(self, sha: ObjectID, content: bytes) -> None:
        """Know a file that was read already."""
        self._content[sha] = content

    def add(self, new: New, entries: Mapping[bytes, Entry] | None = None) -> None:
        """Know an object that is not stored yet; ``entries`` are those of a tree."""
        self._content[new.id] = new.content
        if entries is not None:
            self._entries[new.id] = entries

    def _of_kind(self, sha: ObjectID, wanted: int) -> bytes:
        if sha not in self._content:
            kind, content = self._read(sha)
            if kind != wanted:
                raise KeyError(sha)
            self._content[sha] = content
        return self._content[sha]


def new_object(kind: int, content: bytes) -> New:
    """``kind`` is git's type number. The id is the SHA-1 that git gives."""
    head = b"%s %d\0" % (_NAMES[kind], len(content))
    return New(ObjectID(hashlib.sha1(head + content, usedforsecurity=False).hexdigest().encode()), kind, content)
