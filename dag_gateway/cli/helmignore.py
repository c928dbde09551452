"""The rules of ``.helmignore`` as Helm applies them (helm/helm, pkg/ignore): not those of ``.gitignore``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Rule:
    """One line. A rule without ``/`` looks at the last part of a path only."""

    pattern: re.Pattern[str]
    negated: bool
    folders_only: bool
    whole_path: bool

    def matches(self, path: str) -> bool:
        return self.pattern.fullmatch(path if self.whole_path else PurePosixPath(path).name) is not None


class BadRule(ValueError):
    """A line that Helm refuses; the message names the line and the rule."""


def rules_of(text: str) -> tuple[Rule, ...]:
    """The rules of one file, after Helm's own: hidden files in ``templates/`` are never part of a chart.

    Raises BadRule.
    """
    lines = (line.strip() for line in text.split("\n"))
    return tuple(_rule(line) for line in ("templates/.?*", *lines) if line and not line.startswith("#"))


def ignored(rules: tuple[Rule, ...], path: str, *, folder: bool) -> bool:
    """Whether ``path``, relative to the chart, is left out. The first rule that decides wins.

    A negated rule leaves out everything that it does *not* match: that is Helm's reading of ``!``.
    """
    for rule in rules:
        applies = (folder or not rule.folders_only) and rule.matches(path)
        if applies != rule.negated:
            return True
    return False


def _rule(line: str) -> Rule:
    if "**" in line:
        raise BadRule(f"{line!r}: '**' is not supported in .helmignore")
    body = line.removeprefix("!")
    folders_only = body.endswith("/")
    body = body.removesuffix("/")
    return Rule(_compiled(body.removeprefix("/"), line), line.startswith("!"), folders_only, "/" in body)


def _compiled(glob: str, line: str) -> re.Pattern[str]:
    try:
        return re.compile("".join(_translated(glob, line)), re.DOTALL)
    except re.error as error:
        raise BadRule(f"{line!r}: {error.msg} in .helmignore") from error


def _translated(glob: str, line: str) -> Iterator[str]:
    """Regular expression parts for Go's ``filepath.Match``: ``*`` and ``?`` stop at ``/``, ``[^a]`` negates."""
    position = 0
    while position < len(glob):
        found = _TOKEN.match(glob, position)
        if found is None:
            raise BadRule(f"{line!r}: a '[' without its ']', or a backslash at the end, in .helmignore")
        yield _token(found)
        position = found.end()


_ONE = r"(?:\\.|[^]\\-])"
_MEMBER = re.compile(rf"({_ONE})(?:-({_ONE}))?", re.DOTALL)
_TOKEN = re.compile(
    rf"(?P<wild>[*?])|\[(?P<negated>\^?)(?P<set>(?:{_MEMBER.pattern})+)\]|\\(?P<escaped>.)|(?P<plain>[^[\\])", re.DOTALL
)


def _token(found: re.Match[str]) -> str:
    if found["wild"]:
        return "[^/]*" if found["wild"] == "*" else "[^/]"
    if found["set"]:
        return f"(?!/)[{found['negated']}{_MEMBER.sub(_member, found['set'])}]"
    return re.escape(found["escaped"] or found["plain"])


def _member(found: re.Match[str]) -> str:
    """One character or range of a ``[...]``."""
    first, last = (re.escape(part[-1]) if part else "" for part in found.groups())
    return f"{first}-{last}" if last else first
