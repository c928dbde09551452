"""Bare repositories on this machine, made and read directly; for the demo, which is its own remote."""

import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo

from .change import Folder
from .commit import branch_ref, make_commit
from .reader import Reader
from .tree import folder_at, path_parts, replace

_AUTHOR = b"DAG Gateway <dag-gateway@localhost>"
_README = b"# Infrastructure as code\n\nWhat should run, one folder per environment.\n"


def create_bare(path: Path, branch: str = "main", files: Mapping[str, bytes] | None = None) -> str:
    """Make a bare repository with one first commit of ``files`` (None: a README) and return that commit's id.

    Raises FileExistsError when ``path`` is there already.
    """
    path.mkdir(parents=True)
    with closing(Repo.init_bare(path, default_branch=branch.encode())) as repo:
        edited = replace(
            Reader(repo.object_store.get_raw), None, [], {"README.md": _README} if files is None else files
        )
        commit = make_commit(edited.root, [], "First commit", _AUTHOR, int(time.time()))
        for new in edited.objects:
            repo.object_store.add_object(new.as_stored())
        repo.object_store.add_object(commit)
        repo.refs[branch_ref(branch)] = commit.id
        return commit.id.decode()


def tip(path: Path, branch: str) -> str | None:
    """The commit that ``branch`` points at; None when there is no such branch."""
    with closing(Repo(path)) as repo:
        ref = branch_ref(branch)
        return repo.refs[ref].decode() if ref in repo.refs else None


def read_folder(path: Path, commit: str, folder: str) -> Folder | None:
    """The folder as it is at ``commit``; None when there is none. Raises KeyError for an unknown commit."""
    with closing(Repo(path)) as repo:
        reader = Reader(repo.object_store.get_raw)
        found = repo.object_store[ObjectID(commit.encode())]
        if not isinstance(found, Commit):
            raise KeyError(commit)
        return folder_at(reader, found.id, found.tree, path_parts(folder))
