"""The tree edit: replace one folder of a git tree and rewrite only the trees on the way to it."""

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dulwich.index import validate_path_element_hfs, validate_path_element_ntfs
from dulwich.objects import S_IFGITLINK, Blob, ObjectID, Tree, hex_to_sha, serialize_tree, sorted_tree_items

from dag_gateway.errors import Invalid

from .change import Folder
from .reader import Entry, New, Reader, new_object

FOLDER = stat.S_IFDIR
FILE = stat.S_IFREG | 0o644

_AROUND = 22
"""Of an entry: the space, the zero and the 20 bytes of the id."""
_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFREG: "a file", S_IFGITLINK: "a submodule"}

Nested = dict[bytes, "Nested | bytes"]


class PathRefused(Invalid):
    """The path is no folder inside the repository."""

    code = "bad_path"


@dataclass(frozen=True, slots=True)
class Edited:
    """The new root, the new folder, and exactly the objects that the repository does not have yet."""

    root: ObjectID
    folder: ObjectID
    objects: tuple[New, ...]


def path_parts(path: str) -> list[bytes]:
    """The names on a relative POSIX path. Raises PathRefused, naming the part, for all that git itself would refuse."""
    parts = path.split("/")
    for part in parts:
        if not _safe(part):
            raise PathRefused(
                f"the path {path[:200]!r} is refused because of its part {part[:100]!r}: a path is relative, "
                "without empty, '.', '..' or .git parts, backslashes and control characters"
            )
    return [part.encode() for part in parts]


def entry_at(reader: Reader, root: ObjectID, parts: list[bytes]) -> Entry | None:
    """Mode and id of what is at the path; None when nothing is. Raises PathRefused as ``replace`` does."""
    entry: Entry = (FOLDER, root)
    for depth, part in enumerate(parts):
        _only_folder(entry, parts[:depth])
        below = reader.entries(entry[1]).get(part)
        if below is None:
            return None
        entry = below
    _only_folder(entry, parts)
    return entry


def folder_at(reader: Reader, commit: ObjectID, root: ObjectID, parts: list[bytes]) -> Folder | None:
    """What is at the path in ``root``, the tree of ``commit``; None when nothing is. Raises as ``entry_at``."""
    entry = entry_at(reader, root, parts)
    if entry is None:
        return None
    plain = all(mode in (FILE, FOLDER) for _, mode, _ in _walk(reader, entry[1]))
    return Folder(commit.decode(), entry[1].decode(), files_in(reader, entry[1]), plain)


def files_in(reader: Reader, folder: ObjectID) -> dict[str, bytes]:
    """The regular files below a tree: path relative to it -> content."""
    return {name: reader.file(sha) for name, sha in blobs_in(reader, folder).items()}


def blobs_in(reader: Reader, folder: ObjectID) -> dict[str, ObjectID]:
    """The regular files below a tree: path relative to it -> id. Reads trees only."""
    files = (entry for entry in _walk(reader, folder) if stat.S_ISREG(entry[1]))
    return {name.decode(errors="surrogateescape"): sha for name, _, sha in files}


def replace(reader: Reader, root: ObjectID | None, parts: list[bytes], files: Mapping[str, bytes]) -> Edited:
    """Put ``files`` where the path leads, in place of all that is there now.

    ``root`` None is an empty repository. Raises PathRefused when a file, a symbolic link or a submodule is on the
    way or at the path, or when two of ``files`` exclude each other. ``reader`` knows the new objects afterwards.
    """
    old = entry_at(reader, root, parts) if root else None
    known = {sha for _, _, sha in _walk(reader, old[1])} | {old[1]} if old else set()
    made: dict[ObjectID, New] = {}
    folder = _write(reader, _nested(files), made)
    new_root = _rewrite(reader, root, parts, folder, made)
    return Edited(new_root, folder, tuple(new for new in made.values() if new.id not in known))


def _safe(part: str) -> bool:
    if part in ("", ".", "..") or "\\" in part or any(ord(char) < 32 or ord(char) == 127 for char in part):
        return False
    try:
        name = part.encode()
    except UnicodeEncodeError:
        return False
    return validate_path_element_ntfs(name) and validate_path_element_hfs(name)


def _only_folder(entry: Entry, parts: list[bytes]) -> None:
    if stat.S_IFMT(entry[0]) != FOLDER:
        where = b"/".join(parts).decode(errors="replace")
        what = _KINDS.get(stat.S_IFMT(entry[0]), "no folder")
        raise PathRefused(f"{where!r} in the repository is {what}; a path leads through folders only")


def _walk(reader: Reader, folder: ObjectID, prefix: bytes = b"") -> Iterator[tuple[bytes, int, ObjectID]]:
    for name, (mode, sha) in reader.entries(folder).items():
        yield prefix + name, mode, sha
        if stat.S_ISDIR(mode):
            yield from _walk(reader, sha, prefix + name + b"/")


def _nested(files: Mapping[str, bytes]) -> Nested:
    top: Nested = {}
    for path, content in files.items():
        *folders, name = path_parts(path)
        level = top
        for folder in folders:
            below = level.setdefault(folder, {})
            if isinstance(below, bytes):
                raise PathRefused(f"{path[:200]!r} can not be stored: a part of it is also the name of a file")
            level = below
        if name in level:
            raise PathRefused(f"{path[:200]!r} can not be stored: it is also the name of a folder")
        level[name] = content
    return top


def _write(reader: Reader, content: Nested | bytes, made: dict[ObjectID, New]) -> ObjectID:
    if isinstance(content, bytes):
        return _made(reader, made, Blob.type_num, content)
    entries = {
        name: (FILE if isinstance(below, bytes) else FOLDER, _write(reader, below, made))
        for name, below in content.items()
    }
    return _made(reader, made, Tree.type_num, _ordered(entries), entries)


def _rewrite(
    reader: Reader, root: ObjectID | None, parts: list[bytes], folder: ObjectID, made: dict[ObjectID, New]
) -> ObjectID:
    if not parts:
        return folder
    old = reader.entries(root) if root else {}
    entry = old.get(parts[0])
    new = (FOLDER, _rewrite(reader, entry[1] if entry else None, parts[1:], folder, made))
    entries = {**old, parts[0]: new}
    content = reader.tree(root) if root else b""
    if entry and len(content) == sum(map(len, old)) + sum(len(b"%o" % mode) + _AROUND for mode, _ in old.values()):
        # To put a wide tree together costs ten times more. One of another length has zeros before its modes, as old
        # tools wrote them.
        changed = content.replace(_line(parts[0], entry), _line(parts[0], new), 1)
    else:
        changed = _ordered(entries)
    return _made(reader, made, Tree.type_num, changed, entries)


def _line(name: bytes, entry: Entry) -> bytes:
    return b"%o %s\0%s" % (entry[0], name, hex_to_sha(entry[1]))


def _ordered(entries: Mapping[bytes, Entry]) -> bytes:
    return b"".join(serialize_tree(sorted_tree_items(dict(entries), name_order=False)))


def _made(
    reader: Reader,
    made: dict[ObjectID, New],
    kind: int,
    content: bytes,
    entries: Mapping[bytes, Entry] | None = None,
) -> ObjectID:
    new = new_object(kind, content)
    made[new.id] = new
    reader.add(new, entries)
    return new.id
