"""The tree edit: replace one folder of a git tree and rewrite only the trees on the way to it."""

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dulwich.index import validate_path_element_hfs, validate_path_element_ntfs
from dulwich.objects import S_IFGITLINK, Blob, ObjectID, ShaFile, Tree

from dag_gateway.errors import Invalid

FOLDER = stat.S_IFDIR
FILE = stat.S_IFREG | 0o644

_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFREG: "a file", S_IFGITLINK: "a submodule"}

Read = Callable[[ObjectID], ShaFile]
"""Object id -> object; raises KeyError for an unknown one."""

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
        tree = _tree(read, entry[1])
        if part not in tree:
            return None
        entry = tree[part]
    _only_folder(entry, parts)
    return entry


def files_in(read: Read, folder: ObjectID) -> dict[str, bytes]:
    """The regular files below a tree: path relative to it -> content."""
    files = (entry for entry in _walk(read, folder) if stat.S_ISREG(entry[1]))
    return {name.decode(errors="surrogateescape"): read(sha).as_raw_string() for name, _, sha in files}


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


def _tree(read: Read, sha: ObjectID) -> Tree:
    tree = read(sha)
    if not isinstance(tree, Tree):
        raise KeyError(sha)
    return tree


def _walk(read: Read, folder: ObjectID, prefix: bytes = b"") -> Iterator[tuple[bytes, int, ObjectID]]:
    for name, mode, sha in _tree(read, folder).items():
        yield prefix + name, mode, sha
        if stat.S_ISDIR(mode):
            yield from _walk(read, sha, prefix + name + b"/")


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
    tree = Tree()
    for name, below in content.items():
        tree.add(name, FILE if isinstance(below, bytes) else FOLDER, _write(below, made))
    return _keep(tree, made)


def _rewrite(
    read: Read, root: ObjectID | None, parts: list[bytes], folder: ObjectID, made: dict[ObjectID, ShaFile]
) -> ObjectID:
    if not parts:
        return folder
    tree = _copy(_tree(read, root)) if root else Tree()
    below = tree[parts[0]][1] if parts[0] in tree else None
    tree[parts[0]] = (FOLDER, _rewrite(read, below, parts[1:], folder, made))
    return _keep(tree, made)


def _copy(tree: Tree) -> Tree:
    """Readers may hand out one object many times, so it is never changed in place."""
    copy = Tree()
    for name, mode, sha in tree.items():
        copy.add(name, mode, sha)
    return copy


def _keep(obj: ShaFile, made: dict[ObjectID, ShaFile]) -> ObjectID:
    made[obj.id] = obj
    return obj.id
