"""Pushing to a bare repository on this machine, as git does with a small push: loose objects, then the ref.

The local client of dulwich would add a pack per push, and every later access opens all packs.
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from dulwich.objects import ZERO_SHA, ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

from .reader import New
from .refusal import Race


def push_locally(path: Path, ref: Ref, old: ObjectID | None, new: ObjectID, objects: Iterable[New]) -> None:
    """Move ``ref`` from ``old`` (None: it does not exist) to ``new``. Raises Race when it is somewhere else."""
    with closing(Repo(str(path))) as repo:
        for one in objects:
            repo.object_store.add_object(one.as_stored())
        if not repo.refs.set_if_equals(ref, old or ZERO_SHA, new):
            raise Race(f"{ref.decode(errors='replace')} moved")
