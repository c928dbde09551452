"""Commit objects, their messages and the trailers in them."""

import re
from collections.abc import Mapping, Sequence

from dulwich.objects import Commit, ObjectID
from dulwich.refs import Ref

DEPLOYMENT_ID = "Deployment-Id"
_TRAILER = re.compile(rf"{DEPLOYMENT_ID}: (?P<id>\S+)")
_LONGEST_SUBJECT_PART = 200
_LONGEST_VALUE = 500


def commit_message(app: str, version: str, trailers: Mapping[str, str]) -> str:
    """``[<app>] deploy <version>`` and one line per trailer; the trailers without a value are left out.

    Whatever came from outside is put on one line, so that no value can add a trailer of its own.
    """
    subject = f"[{_one_line(app, _LONGEST_SUBJECT_PART)}] deploy {_one_line(version, _LONGEST_SUBJECT_PART)}"
    lines = [f"{key}: {_one_line(value, _LONGEST_VALUE)}" for key, value in trailers.items() if value.strip()]
    return "\n".join([subject, "", *lines, ""]) if lines else f"{subject}\n"


def deployment_of(message: bytes) -> str | None:
    """The value of the ``Deployment-Id`` trailer in the last paragraph of a commit message."""
    _subject, *paragraphs = message.decode(errors="replace").strip().split("\n\n")
    if not paragraphs:
        return None
    for line in reversed(paragraphs[-1].splitlines()):
        if match := _TRAILER.fullmatch(line.strip()):
            return match["id"]
    return None


def make_commit(tree: ObjectID, parents: Sequence[ObjectID], message: str, author: bytes, when: int) -> Commit:
    """``author`` is ``Name <email>``; ``when`` is seconds since the epoch, written as UTC."""
    commit = Commit()
    commit.tree = tree
    commit.parents = list(parents)
    commit.author = commit.committer = author
    commit.author_time = commit.commit_time = when
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = message.encode(errors="replace")
    return commit


def identity(name: str, email: str) -> bytes:
    """``Name <email>`` without the characters that git takes for the end of a part."""
    return f"{_plain(name)} <{_plain(email)}>".encode(errors="replace")


def branch_ref(branch: str) -> Ref:
    return Ref(b"refs/heads/" + branch.encode())


def _plain(text: str) -> str:
    return re.sub(r"[<>]", "", _one_line(text, _LONGEST_SUBJECT_PART))


def _one_line(text: str, longest: int) -> str:
    """Control characters and every kind of line break become one space."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()[:longest]
