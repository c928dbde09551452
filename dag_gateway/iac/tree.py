"""The tree edit: replace one folder of a git tree and rewrite only the trees on the way to it."""

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dulwich.index import validate_path_element_hfs, validate_path_element_ntfs
from dulwich.objects import S_IFGITLINK, Blob, ObjectID, ShaFile, Tree, parse_tree, serialize_tree, sorted_tree_items

from dag_gateway.errors import Invalid

FOLDER = stat.S_IFDIR
FILE = stat.S_IFREG | 0o644

_ID_BYTES = 20
_AROUND_NAME = 2
"""The space before the name and the zero after it."""
_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFREG: "a file", S_IFGITLINK: "a submodule"}

Raw = tuple[int, bytes]
"""The type number of an object in git's own count, and its content."""

Read = Callable[[ObjectID], Raw]
"""Raises KeyError for an unknown object. Plain bytes: the library's objects take their content apart at once."""

Entry = tuple[int, ObjectID]
Nested = dict[bytes, "Nested | bytes"]


class PathRefused(Invalid):
    """The path is no folder inside the repository."""

    code = "bad_path"


@dataclass(frozen=True, slots=True)
class Edited:
    """The new root, the new folder, and exactly the objects that the repository does not have yet."""

    root: ObjectID
    folder: ObjectID
    objects: tuple[ShaFile, ...]


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


def entry_at(read: Read, root: ObjectID, parts: list[bytes]) -> Entry | None:
    """Mode and id of what is at the path; None when nothing is. Raises PathRefused as ``replace`` does."""
    entry: Entry = (FOLDER, root)
    for depth, part in enumerate(parts):
        _only_folder(entry, parts[:depth])
        below = _entry(_content(read, entry[1]), part)
        if below is None:
            return None
        entry = below
    _only_folder(entry, parts)
    return entry


def files_in(read: Read, folder: ObjectID) -> dict[str, bytes]:
    """The regular files below a tree: path relative to it -> content."""
    return {name: read(sha)[1] for name, sha in blobs_in(read, folder).items()}


def blobs_in(read: Read, folder: ObjectID) -> dict[str, ObjectID]:
    """The regular files below a tree: path relative to it -> id. Reads trees only."""
    files = (entry for entry in _walk(read, folder) if stat.S_ISREG(entry[1]))
    return {name.decode(errors="surrogateescape"): sha for name, _, sha in files}


def replace(read: Read, root: ObjectID | None, parts: list[bytes], files: Mapping[str, bytes]) -> Edited:
    """Put ``files`` where the path leads, in place of all that is there now.

    ``root`` None is an empty repository. Raises PathRefused when a file, a symbolic link or a submodule is on the
    way or at the path, or when two of ``files`` exclude each other.
    """
    old = entry_at(read, root, parts) if root else None
    known = {sha for _, _, sha in _walk(read, old[1])} | {old[1]} if old else set()
    made: dict[ObjectID, ShaFile] = {}
    folder = _write(_nested(files), made)
    new_root = _rewrite(read, root, parts, folder, made)
    return Edited(new_root, folder, tuple(obj for sha, obj in made.items() if sha not in known))


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


def _content(read: Read, sha: ObjectID) -> bytes:
    kind, content = read(sha)
    if kind != Tree.type_num:
        raise KeyError(sha)
    return content


def _listed(content: bytes) -> Iterable[tuple[bytes, int, bytes]]:
    return parse_tree(content, _ID_BYTES)


def _entry(content: bytes, name: bytes) -> Entry | None:
    return next(((mode, ObjectID(sha)) for other, mode, sha in _listed(content) if other == name), None)


def _ordered(entries: Mapping[bytes, Entry]) -> bytes:
    return b"".join(serialize_tree(sorted_tree_items(dict(entries), name_order=False)))


def _walk(read: Read, folder: ObjectID, prefix: bytes = b"") -> Iterator[tuple[bytes, int, ObjectID]]:
    for name, mode, sha in _listed(_content(read, folder)):
        yield prefix + name, mode, ObjectID(sha)
        if stat.S_ISDIR(mode):
            yield from _walk(read, ObjectID(sha), prefix + name + b"/")


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


def _write(content: Nested | bytes, made: dict[ObjectID, ShaFile]) -> ObjectID:
    if isinstance(content, bytes):
        return _keep(Blob.from_string(content), made)
    entries = {
        name: (FILE if isinstance(below, bytes) else FOLDER, _write(below, made)) for name, below in content.items()
    }
    return _keep(Tree.from_string(_ordered(entries)), made)


def _rewrite(
    read: Read, root: ObjectID | None, parts: list[bytes], folder: ObjectID, made: dict[ObjectID, ShaFile]
) -> ObjectID:
    if not parts:
        return folder
    content = _content(read, root) if root else b""
    entry = _entry(content, parts[0])
    below = _rewrite(read, entry[1] if entry else None, parts[1:], folder, made)
    return _keep(Tree.from_string(_put(content, parts[0], (FOLDER, below))), made)


def _put(content: bytes, name: bytes, entry: Entry) -> bytes:
    """The content of a tree with one entry in place of the one of that name, or added.

    It is cut out of the bytes: to take a wide folder apart and to put it together again costs ten times more.
    """
    at, end, length = _place(content, name, entry[0])
    if length != len(content):  # modes with leading zeros, from old tools
        return _put(_ordered({name: (mode, ObjectID(sha)) for name, mode, sha in _listed(content)}), name, entry)
    return content[:at] + b"".join(serialize_tree([(name, *entry)])) + content[end:]


def _place(content: bytes, name: bytes, mode: int) -> tuple[int, int, int]:
    """Where the entry begins and ends, or would stand in git's order; and how long all entries are together."""
    wanted = _sorted_as(name, mode)
    found: tuple[int, int] | None = None
    offset = before = 0
    for other, kind, _ in _listed(content):
        size = len(b"%o" % kind) + len(other) + _AROUND_NAME + _ID_BYTES
        if other == name:
            found = (offset, offset + size)
        offset += size
        if _sorted_as(other, kind) < wanted:
            before = offset
    return (*(found or (before, before)), offset)


def _sorted_as(name: bytes, mode: int) -> bytes:
    """Git's order: a folder stands where its name with a slash would."""
    return name + b"/" if stat.S_ISDIR(mode) else name


def _keep(obj: ShaFile, made: dict[ObjectID, ShaFile]) -> ObjectID:
    made[obj.id] = obj
    return obj.id
