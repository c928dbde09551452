"""What a remote says when it does not take a push: races apart from refusals, and its words made fit to be shown."""

import re
from collections.abc import Iterable
from enum import Enum

from dag_gateway.errors import GatewayError
from dag_gateway.model.reason import Reason, StepFailed

_LONGEST = 1000

# git's own client and server, then dulwich's local client; what other servers say is a guess on the safe side:
# a race that is none ends at the deadline, a refusal that is none would end a deployment for nothing.
_RACE = re.compile(
    r"non-fast-forward|fetch first|stale info|cannot lock ref|failed to (?:update|lock) ref|failed to lock"
    r"|incorrect old value provided|reference already exists|is at [0-9a-f]{7,64} but expected"
    r"|unable to (?:set|lock)|unable to create '[^']*\.lock'"
    r"|already (?:been )?(?:updated|locked)|lock failure|expected object|refresh and try again",
    re.IGNORECASE,
)
# GitHub, GitLab, Gitea and Forgejo, Bitbucket: no other commit would be taken either.
_CLOSED_BRANCH = re.compile(
    r"protected branch|branch is protected|not allowed to push|permission (?:to \S+ )?denied|access denied|read[- ]only"
    r"|no write access",
    re.IGNORECASE,
)
# What the forges' own hooks print. A policy of somebody else speaks of read-only filesystems and denied access, too.
_CLOSED_BY_FORGE = re.compile(
    r"^(?:GitLab: You are not allowed to push code to"
    r"|(?:Gitea|Forgejo): Not allowed to push to protected branch"
    r"|error: GH006: Protected branch)",
    re.IGNORECASE | re.MULTILINE,
)
_PROGRESS = re.compile(r"\d+% \(|^Total \d+|^Unpacking objects|^Resolving deltas|^Checking connectivity")
_LOCAL_PATH = re.compile(r"(?<![\w:/.~-])/(?:[^\s/'\":,;]+/)+[^\s/'\":,;]*")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


class Refusal(Enum):
    """Why a ref was not updated."""

    RACE = "race"
    PERMANENT = "permanent"


def is_closed(status: str, hooks: str = "") -> bool:
    """Whether a remote refuses the branch or who pushes, and not what is pushed.

    ``status`` is what it reports for the ref, ``hooks`` what its hooks printed: only a forge's own words count there.
    """
    return bool(_CLOSED_BRANCH.search(status) or _CLOSED_BY_FORGE.search(hooks))


class Race(GatewayError):
    """The branch moved, or is being moved by someone else at this moment; a new attempt on the new tip may win."""

    code = "iac_race"


class PushRefused(StepFailed):
    """The remote does not take this push, and perhaps one of its commits is the reason; another push may be taken."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.PUSH_REJECTED, message)


def classify(text: str) -> Refusal:
    """Judge the status that a server reports for one ref, such as ``pre-receive hook declined``."""
    return Refusal.RACE if _RACE.search(text) else Refusal.PERMANENT


def remote_lines(chunks: Iterable[bytes]) -> str:
    """What hooks printed (the ``remote:`` lines of git), without progress bars and empty lines."""
    text = b"".join(chunks).decode(errors="replace")
    lines = (line.strip() for line in re.split(r"[\r\n]+", text))
    return "\n".join(line for line in lines if line and not _PROGRESS.search(line))


def presentable(text: str, secrets: Iterable[str] = ()) -> str:
    """The words of a remote without credentials and paths of its own machine, at most 1000 characters."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    text = _LOCAL_PATH.sub("(path)", _CREDENTIALS.sub("", text))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
