"""The last words of a git server, told apart."""

import pytest

from dag_gateway.iac.ending import Ended, classify_end, last_words


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("fatal: '/srv/iac.git' does not appear to be a git repository", Ended.NOT_FOUND),
        ("ERROR: Repository not found.", Ended.NOT_FOUND),
        (
            "ERROR: The project you were looking for could not be found or you don't have permission to view it.",
            Ended.NOT_FOUND,
        ),
        ("Gitea: Cannot find repository: shop/iac", Ended.NOT_FOUND),
        ("fatal: Project not found: shop/iac", Ended.NOT_FOUND),
        ("ERROR: Permission to shop/iac.git denied to deploy key", Ended.NOT_ALLOWED),
        ("ERROR: The key you are authenticating with has been marked as read only.", Ended.NOT_ALLOWED),
        ("ERROR: You are not allowed to push code to this project.", Ended.NOT_ALLOWED),
        ("ERROR: This deploy key does not have write access to this project.", Ended.NOT_ALLOWED),
        ("Forgejo: User: 2:dag with Key: 3 is not authorized to write to shop/iac.", Ended.NOT_ALLOWED),
        ("fatal: out of memory", Ended.UNKNOWN),
        ("GitLab is not responding; the project is fine", Ended.UNKNOWN),
        ("", Ended.UNKNOWN),
    ],
)
def test_only_what_is_known_to_be_for_good_is_for_good(text: str, ended: Ended) -> None:
    assert classify_end(text) is ended


def test_the_frame_around_the_words_is_taken_away() -> None:
    framed = (
        b"remote: \nremote: ========\nremote: \nremote: ERROR: Not today.\nremote: Ask \xff.\nremote: \n"
        b"remote: =====\nfatal: it is over\n"
    )
    assert last_words(framed) == "ERROR: Not today.; Ask �.; fatal: it is over"
