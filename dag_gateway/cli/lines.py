"""The words of a rollout as lines for a log. Text from elsewhere can not command the terminal or the CI system."""

from .updates import StatusUpdate, TargetUpdate, Update

_LONGEST = 64 * 1024
# Follow-up lines begin with this, because a runner obeys a line that begins with "::".
_INDENT = "  | "


def clean(text: str) -> str:
    """``text`` with control characters spelled out, cut to 64 KiB, and without the runner command ``##[``."""
    shown = (_shown(character) for character in text[:_LONGEST].replace("\r\n", "\n"))
    return "".join(shown).replace("##[", "## [")


def update_lines(update: Update) -> list[str]:
    """What a log shows of ``update``: one line, and one more for every further line of its message."""
    if isinstance(update, StatusUpdate):
        return lines_of(_status_head(update), update.message, _commit(update))
    return lines_of(target_head(update), update.message)


def lines_of(head: str, message: str, *more: str) -> list[str]:
    """``head: message``, every further line of ``message`` and every text of ``more`` on a marked line of its own."""
    first, *others = clean(message).rstrip("\n").split("\n")
    title = clean(head).replace("\n", " ")
    added = [line for text in more if text for line in clean(text).split("\n")]
    return [f"{title}: {first}" if first else title, *(f"{_INDENT}{line}" for line in (*others, *added))]


def target_head(update: TargetUpdate) -> str:
    """``target production/shop/web monitoring 1/3``."""
    counted = f" {update.ready}/{update.desired}" if update.ready is not None and update.desired is not None else ""
    return f"target {update.id} {update.status}{counted}"


def _status_head(update: StatusUpdate) -> str:
    return f"{update.status} ({update.reason})" if update.reason else update.status


def _commit(update: StatusUpdate) -> str:
    if update.status != "pushed" or not update.commit:
        return ""
    return update.commit_url or update.commit


def _shown(character: str) -> str:
    if character in "\n\t" or character.isprintable():
        return character
    return character.encode("unicode_escape").decode()
