"""How events read on the wire, and how repositories are spelled."""

import json
import traceback

import pytest

from dag_gateway.model.deployment import Status
from dag_gateway.model.event import EventKind, News, sse, status_news, target_news
from dag_gateway.model.identity import UnverifiedJob, normal_repo_url
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import TargetState
from tests.fakes.deployments import NOON, TARGET, a_deployment


def test_a_status_leaves_out_what_is_not_known() -> None:
    assert status_news(a_deployment(message="accepted"), NOON).data == {
        "status": "pending",
        "message": "accepted",
        "at": "2026-01-31T12:00:00.000Z",
    }


def test_a_failure_carries_commit_and_reason() -> None:
    failed = a_deployment(status=Status.MONITORING, commit="abc", commit_url="https://x/abc", chart_version="1.2.3")
    assert status_news(failed.failed(Reason.CRASH_LOOP, "it crashes"), NOON).data == {
        "status": "failed",
        "message": "it crashes",
        "at": "2026-01-31T12:00:00.000Z",
        "reason": "crash_loop",
        "commit": "abc",
        "commitUrl": "https://x/abc",
        "chartVersion": "1.2.3",
    }


def test_an_event_is_one_line_of_json_whatever_the_message() -> None:
    frame = sse(status_news(a_deployment(message="line\nbreak\r\u2028 ünïcode"), NOON), 7)
    head, data, *rest = frame.decode().split("\n", 2)
    assert (head, rest[0].split("data: ")[0]) == ("id: 7", "")
    assert data == "event: status"
    assert frame.endswith(b"\n\n")
    assert json.loads(frame.decode().split("data: ", 1)[1])["message"] == "line\nbreak\r\u2028 ünïcode"


def test_what_utf_8_does_not_have_is_replaced_on_the_wire() -> None:
    assert sse(News(EventKind.STATUS, NOON, {"message": "half a \ud800 character"})) == (
        b'event: status\ndata: {"message":"half a ? character"}\n\n'
    )


def test_an_event_without_a_number_has_no_id() -> None:
    frame = sse(target_news(TargetState(TARGET), NOON))
    assert frame.startswith(b"event: target\ndata: ")


@pytest.mark.parametrize(
    "spelling",
    [
        "https://gitlab.example.com/shop/web",
        "https://gitlab.example.com/shop/web/",
        "https://gitlab.example.com/shop/web.git",
        "https://gitlab.example.com/shop/web.git/",
        " HTTPS://GitLab.example.com/shop/web",
        "https://me:secret@gitlab.example.com/shop/web",
    ],
)
def test_one_spelling_per_repository(spelling: str) -> None:
    assert normal_repo_url(spelling) == "https://gitlab.example.com/shop/web"


def test_a_port_is_part_of_the_repository() -> None:
    assert normal_repo_url("http://127.0.0.1:8080/a/b.git") == "http://127.0.0.1:8080/a/b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop/web",
        "https://host",
        "https://host/",
        "ftp://host/a",
        "https:///a",
        "https://[bad/a",
        "https://host:port/a",
    ],
)
def test_what_is_not_a_repository_url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^this is not a repository URL such as"):
        normal_repo_url(text)


@pytest.mark.parametrize("text", ["https://me:hunter2@host", "https://me:hunter2#x@host/a", "ftp://me:hunter2@host/a"])
def test_credentials_in_what_is_not_a_repository_url_are_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"^this is not a repository URL such as") as caught:
        normal_repo_url(text)
    assert "hunter2" not in "".join(traceback.format_exception(None, caught.value, None))


def test_a_token_does_not_print() -> None:
    assert "hunter2" not in repr(UnverifiedJob("https://x/y", "1", "hunter2"))
