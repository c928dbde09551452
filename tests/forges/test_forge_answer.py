"""What is made of the status and the body of a forge's answer."""

import pytest
from pydantic import TypeAdapter

from dag_gateway.forges.answer import Answer, ForgeUnavailable, document

NUMBERS = TypeAdapter(list[int])


def test_a_document_of_the_right_shape_is_read() -> None:
    assert document(Answer(200, b"[1, 2]"), NUMBERS, "forge") == [1, 2]


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (500, "^forge 'forge' answered 500 instead of 200$"),
        (502, "^forge 'forge' answered 502 instead of 200$"),
        (204, "^forge 'forge' answered 204 instead of 200$"),
        (429, "^forge 'forge' answered 429: too many requests$"),
        (302, "^forge 'forge' answered 302; redirects are not followed, so its url must be the final one$"),
    ],
)
def test_any_other_status_decides_nothing(status: int, problem: str) -> None:
    with pytest.raises(ForgeUnavailable, match=problem) as failure:
        document(Answer(status, b"[1]"), NUMBERS, "forge")
    assert (failure.value.code, failure.value.retry_after) == ("forge_unavailable", 5.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 1.0),
        ("86400", 300.0),
        ("9" * 5000, 5.0),
        ("٣", 5.0),
        ("soon", 5.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 5.0),
    ],
)
def test_the_forge_says_when_to_come_again_within_reason(header: str, seconds: float) -> None:
    with pytest.raises(ForgeUnavailable, match=r"too many requests") as failure:
        document(Answer(429, b"", header), NUMBERS, "forge")
    assert failure.value.retry_after == seconds


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff", b"[1,", b"[" * 100_000, b'["secret"]', b"[1.5]", b"null", b'{"a":1}']
)
def test_an_unreadable_body_decides_nothing_and_is_not_quoted(body: bytes) -> None:
    with pytest.raises(ForgeUnavailable, match=r"^forge 'forge' sent an unreadable answer: ") as failure:
        document(Answer(200, body), NUMBERS, "forge")
    assert "secret" not in failure.value.message


def test_a_body_does_not_print() -> None:
    assert repr(Answer(200, b"secret")) == "Answer(status=200, retry_after='', cache_control='')"


@pytest.mark.parametrize(
    ("status", "body", "is_failure"),
    [
        (200, b'{"id": 1}', False),
        (200, b" \r\n[]", False),
        (200, b"", True),
        (200, b"<html>", True),
        (200, b"null", True),
        (500, b"{}", True),
        (503, b"", True),
        (401, b"", False),
        (403, b"<html>", False),
        (404, b"", False),
        (429, b"", False),
        (302, b"", False),
    ],
)
def test_only_a_broken_answer_is_a_failure_of_the_forge(status: int, body: bytes, is_failure: bool) -> None:
    assert Answer(status, body).is_failure is is_failure
