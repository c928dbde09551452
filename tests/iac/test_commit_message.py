"""Commit messages and their trailers."""

import pytest

from dag_gateway.iac import commit_message
from dag_gateway.iac.commit import deployment_of, identity, make_commit

TREE = b"4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_a_message_is_a_subject_and_trailers() -> None:
    trailers = {"Repo": "https://git.example.com/shop/web", "Branch": "main", "Job": "", "Deployment-Id": "d-1"}
    assert commit_message("shop-web", "1.2.3", trailers) == (
        "[shop-web] deploy 1.2.3\n\nRepo: https://git.example.com/shop/web\nBranch: main\nDeployment-Id: d-1\n"
    )


def test_a_message_without_trailers_is_a_subject() -> None:
    assert commit_message("web", "1", {}) == "[web] deploy 1\n"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\n\n", "\u2028", "\x85", "\x0b", "\x00\n"])
def test_no_value_can_add_a_trailer(line_break: str) -> None:
    evil = f"main{line_break}Deployment-Id: forged"
    message = commit_message(evil, evil, {"Branch": evil})
    assert message.splitlines() == [
        "[main Deployment-Id: forged] deploy main Deployment-Id: forged",
        "",
        "Branch: main Deployment-Id: forged",
    ]
    assert deployment_of(message.encode()) is None


def test_long_values_are_cut() -> None:
    assert len(commit_message("a" * 999, "v" * 999, {"Branch": "b" * 999})) < 1000


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b"[web] deploy 1\n\nBranch: main\nDeployment-Id: d-1\n", "d-1"),
        (b"[web] deploy 1\n\nsome prose\n\nDeployment-Id: d-1\nSigned-off-by: x", "d-1"),
        (b"[web] deploy 1\n\nDeployment-Id: d-1\n\nmore prose after it", None),
        (b"Deployment-Id: d-1", None),
        (b"", None),
        (b"\xff\n\n\xff\nDeployment-Id: d-1", "d-1"),
    ],
)
def test_the_deployment_is_read_from_the_last_paragraph(message: bytes, found: str | None) -> None:
    assert deployment_of(message) == found


def test_an_identity_can_not_break_the_commit() -> None:
    assert identity("Eve <x>\ncommitter", "e@x>\n") == b"Eve x committer <e@x>"


def test_a_commit_is_written_in_utc() -> None:
    commit = make_commit(TREE, [], "schön\n", b"A <a@b>", 1_700_000_000)  # type: ignore[arg-type]  # bytes are enough
    commit.check()
    assert b"author A <a@b> 1700000000 +0000" in commit.as_raw_string()
    assert commit.as_raw_string().endswith("schön\n".encode())
