"""What is at a path of an IaC repository, what should be there, and what became of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dag_gateway.errors import GatewayError, NotFound, Unavailable


@dataclass(frozen=True, slots=True)
class Folder:
    """What is at a path at a commit.

    ``commit`` and ``tree`` are hexadecimal git ids; ``files`` are relative POSIX paths and contents, without symbolic
    links and submodules. ``plain`` is False when there are such, or files with a mode of their own.
    """

    commit: str
    tree: str
    files: Mapping[str, bytes]
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Edit:
    """What should be there: ``files`` replace the whole folder; ``message`` is the full commit message."""

    files: Mapping[str, bytes]
    message: str

    def __post_init__(self) -> None:
        if not self.files:
            raise ValueError("an edit has at least one file: git keeps no empty folder")


@dataclass(frozen=True, slots=True)
class Change:
    """One deployment's wish for one path.

    ``build`` is pure and runs in a thread. It is given what is there now (None: nothing) and says what should be;
    after each lost race it is asked again. ``size`` is about how many bytes of files it says.
    """

    deployment_id: str
    path: str
    build: Callable[[Folder | None], Edit]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """Where a change stands in the remote repository.

    ``changed`` is False when the content was there already and nothing was pushed; ``commit`` is then the one that
    brought it, as far as the local history tells.
    """

    commit: str
    changed: bool
    folder: Folder


class FolderMissing(NotFound):
    """There is no folder at the path, or the branch does not exist."""

    code = "chart_not_found"


class FolderReplaced(GatewayError):
    """A later commit put something else at the path. ``commit`` is its hexadecimal id."""

    code = "folder_replaced"

    def __init__(self, path: str, commit: str, deployment_id: str | None) -> None:
        whose = f" (deployment {deployment_id})" if deployment_id else ""
        super().__init__(f"commit {commit[:12]}{whose} put something else at {path!r}")
        self.commit = commit


class RemoteUnavailable(Unavailable):
    """The IaC remote does not answer."""

    code = "iac_unavailable"
