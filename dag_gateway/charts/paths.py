"""Which names an archive may use, and that no two of them mean the same file."""

import re
import unicodedata
from dataclasses import dataclass, field

from .refusal import ChartTooLarge, InvalidChart, shown

_LONGEST_PATH = 1024
_LONGEST_PART = 255
_DEEPEST = 32
# Control and format characters, line and paragraph separators: invisible, or read as something else.
_UNSEEN = {"Cc", "Cf", "Zl", "Zp"}
# What Windows and macOS take for a .git folder, too (git, "core.protectNTFS").
_GIT = re.compile(r"(?:\.git|git~1)(?:[ .]*|:.*)", re.IGNORECASE)


def safe_path(name: bytes) -> str:
    """``name`` of an archive entry as a relative POSIX path, ``""`` for the root itself; InvalidChart when unsafe."""
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        raise InvalidChart(f"{shown(name)} is not a name in UTF-8") from error
    rule = _broken_rule(text)
    if rule:
        raise InvalidChart(f"{shown(text)} is not a name for a file of a chart: {rule}")
    return "/".join(_parts(text))


def _parts(text: str) -> list[str]:
    parts = text.removesuffix("/").split("/")
    while parts and parts[0] == ".":
        parts.pop(0)
    return parts


def _broken_rule(text: str) -> str | None:
    """The rule that the name breaks, None for a good name."""
    if any(unicodedata.category(character) in _UNSEEN for character in text):
        return "it has a control or invisible character"
    if text.startswith("/") or re.match(r"[A-Za-z]:", text):
        return "it is absolute"
    if "\\" in text:
        return "it has a backslash"
    if len(text.encode()) > _LONGEST_PATH:
        return f"it is longer than {_LONGEST_PATH} bytes"
    if len(_parts(text)) > _DEEPEST:
        return f"it has more than {_DEEPEST} parts"
    return next((rule for rule in map(_broken_part_rule, _parts(text)) if rule), None)


def _broken_part_rule(part: str) -> str | None:
    if part in ("", "."):
        return "it has an empty part"
    if part == "..":
        return "it leaves its folder with '..'"
    # Windows drops them from the end of a name, so the writer of the repository refuses the part, too.
    if not part.strip(" ."):
        return "it has a part of dots and spaces only"
    if _GIT.fullmatch(part):
        return "it has a .git part"
    if len(part.encode()) > _LONGEST_PART:
        return f"a part of it is longer than {_LONGEST_PART} bytes"
    return None


@dataclass(slots=True)
class Claims:
    """The paths seen so far, under the one name that a file system without upper and lower case would give them.

    There may be ``most`` of them, with the folders that only the names of other entries imply.
    """

    most: int
    _seen: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def add(self, path: str, *, folder: bool) -> None:
        """Claim ``path`` and the folders above it; InvalidChart when one is there already as something else,
        ChartTooLarge when there are too many."""
        parts = path.split("/")
        for depth in range(1, len(parts)):
            self._claim("/".join(parts[:depth]), folder=True)
        self._claim(path, folder=folder)

    def _claim(self, path: str, *, folder: bool) -> None:
        key = unicodedata.normalize("NFC", path).casefold()
        if key not in self._seen:
            self._remember(key, path, folder)
            return
        known, known_folder = self._seen[key]
        if known != path:
            raise InvalidChart(f"{shown(path)} and {shown(known)} differ only in the case or form of their letters")
        if folder != known_folder:
            raise InvalidChart(f"{shown(path)} is both a file and a folder")
        if not folder:
            raise InvalidChart(f"{shown(path)} is in the archive twice")

    def _remember(self, key: str, path: str, folder: bool) -> None:
        if len(self._seen) >= self.most:
            raise ChartTooLarge(
                f"with {shown(path)} there are more than {self.most} files and folders (limits.entries)"
            )
        self._seen[key] = (path, folder)
