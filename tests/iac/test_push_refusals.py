"""What remotes say, judged and made fit to be shown."""

import pytest

from dag_gateway.iac.backoff import AFTER_RACE, WHILE_AWAY, jitter
from dag_gateway.iac.refusal import Refusal, classify, is_closed, presentable, remote_lines


@pytest.mark.parametrize(
    "text",
    [
        "non-fast-forward",
        "fetch first",
        "stale info",
        "failed to update ref",
        "failed to lock",
        "incorrect old value provided",
        "reference already exists",
        "cannot lock ref 'refs/heads/main': is at 0123456789abcdef but expected 89abcdef01234567",
        "Unable to create '/srv/git/iac.git/refs/heads/main.lock': File exists.",
        "unable to set b'refs/heads/main' to b'0123'",
        "TF401028: The reference 'refs/heads/main' has already been updated by another client.",
        "lock failure",
        "reference is already locked",
        "remote ref does not point to expected object",
        "Please refresh and try again.",
    ],
)
def test_a_moved_or_locked_ref_is_a_race(text: str) -> None:
    assert classify(text) is Refusal.RACE


@pytest.mark.parametrize(
    "text",
    [
        "pre-receive hook declined",
        "hook declined",
        "protected branch hook declined",
        "branch is currently checked out",
        "deny updating a hidden ref",
        "funny refname",
        "",
    ],
)
def test_everything_else_is_permanent(text: str) -> None:
    assert classify(text) is Refusal.PERMANENT


def test_hook_output_is_kept_without_progress() -> None:
    chunks = [
        b"Unpacking objects:  50% (1/2)\rUnpacking objects: 100% (2/2), done.\n",
        b"policy: no\n",
        b"\n  see wiki\n",
    ]
    assert remote_lines(chunks) == "policy: no\nsee wiki"


def test_credentials_and_paths_of_the_remote_machine_are_not_shown() -> None:
    text = "fatal: '/srv/git/iac.git/hooks/pre-receive' for https://dag:s3cret@git.example.com/x/iac.git said s3cret"
    assert presentable(text, ["s3cret"]) == "fatal: '(path)' for https://git.example.com/x/iac.git said ***"


def test_links_and_branch_names_stay_readable() -> None:
    text = "open https://git.example.com/platform/iac/-/merge_requests/new for refs/heads/main"
    assert presentable(text) == text


def test_a_flood_of_words_is_cut() -> None:
    assert presentable("x" * 5000) == "x" * 1000 + "…"


def test_waits_double_up_to_a_limit_and_jitter_shortens_them() -> None:
    assert [AFTER_RACE.wait(attempt, 0) for attempt in (0, 1, 2, 10, 5000)] == [0.01, 0.02, 0.04, 0.05, 0.05]
    assert WHILE_AWAY.wait(1, 1) == 0.5
    assert 0 <= jitter() < 1


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("protected branch hook declined", True),
        ("GitLab: You are not allowed to push code to protected branches on this project.", True),
        ("remote: Permission to shop/iac.git denied to dag.", True),
        ("This repository is read-only", True),
        ("pre-receive hook declined\npolicy: no image without a digest", False),
        ("unpack index-pack abnormal exit", False),
    ],
)
def test_words_about_the_branch_are_told_from_words_about_a_commit(text: str, closed: bool) -> None:
    assert is_closed(text) is closed


@pytest.mark.parametrize(
    ("printed", "closed"),
    [
        ("=======\nGitLab: You are not allowed to push code to protected branches on this project.\n=======", True),
        ("GitLab: You are not allowed to push code to this project.", True),
        ("Gitea: Not allowed to push to protected branch main", True),
        ("Forgejo: Not allowed to push to protected branch main", True),
        ("error: GH006: Protected branch update failed for refs/heads/main.", True),
        ("policy: the root filesystem must be read-only", False),
        ("policy: access denied", False),
        ("policy: the source is not a protected branch", False),
        ("", False),
    ],
)
def test_of_what_hooks_print_only_the_words_of_forges_are_about_the_branch(printed: str, closed: bool) -> None:
    assert is_closed("pre-receive hook declined", printed) is closed
