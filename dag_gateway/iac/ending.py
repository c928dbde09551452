"""What a git server says before it ends a command over ssh, where HTTP would have a status."""

import re
from enum import Enum

# git-upload-pack and git-receive-pack, git-shell, GitHub, GitLab, Gitea and Forgejo, Gogs, Bitbucket, Gerrit.
_NOT_FOUND = re.compile(
    r"does not appear to be a git repository|not a git repository|cannot find repository|no such (?:project|repository)"
    r"|\b(?:repository|project)\b.{0,80}(?:not found|could not be found|does not exist)",
    re.IGNORECASE,
)
_NOT_ALLOWED = re.compile(
    r"permission (?:to \S+ )?denied|access denied|not allowed to (?:push|upload|access)|not authori[sz]ed"
    r"|marked as read only|does not have write access|insufficient permission",
    re.IGNORECASE,
)


class Ended(Enum):
    """Why there was no answer; what is not known counts as trouble that passes."""

    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    UNKNOWN = "unknown"


def classify_end(text: str) -> Ended:
    """Judge the last words, such as ``ERROR: Repository not found.``"""
    if _NOT_FOUND.search(text):
        return Ended.NOT_FOUND
    return Ended.NOT_ALLOWED if _NOT_ALLOWED.search(text) else Ended.UNKNOWN


def last_words(stderr: bytes) -> str:
    """In one line, without the frame that GitLab draws around them and the ``remote:`` before each line."""
    lines = (line.strip().removeprefix("remote:").strip() for line in stderr.decode(errors="replace").splitlines())
    return "; ".join(line for line in lines if line.strip("= "))
