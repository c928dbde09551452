"""The infrastructure-as-code repository: read a folder, replace a folder, push it. No worktree, ever.

The only place that knows dulwich. Blocking git work runs in threads of its own pool.
"""

from .bare import create_bare, read_folder, tip
from .change import Change, Edit, Folder, FolderMissing, FolderReplaced, Published, RemoteUnavailable
from .commit import commit_message
from .disk import unwritable
from .publisher import Iac
from .tree import PathRefused

__all__ = [
    "Change",
    "Edit",
    "Folder",
    "FolderMissing",
    "FolderReplaced",
    "Iac",
    "PathRefused",
    "Published",
    "RemoteUnavailable",
    "commit_message",
    "create_bare",
    "read_folder",
    "tip",
    "unwritable",
]
