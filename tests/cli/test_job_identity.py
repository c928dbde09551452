"""Who the client says it is, and the ID token that it asks an Actions runner for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from dag_gateway.cli.answers import Answer
from dag_gateway.cli.ci import Ci, CiSystem, IdTokenRequest
from dag_gateway.cli.exits import OutcomeUnknown, WrongUsage
from dag_gateway.cli.id_token import fetch_id_token, token_in
from dag_gateway.cli.job import GivenJob, find_job
from dag_gateway.model.identity import UnverifiedJob
from tests.fakes.skipping_clock import SkippingClock

SERVER = "https://dag.example.com"
REPO = "https://gitlab.example.com/shop/web"
GITLAB = Ci(CiSystem.GITLAB, REPO, "42", "0123abc", "job-token")
ACTIONS = Ci(CiSystem.ACTIONS, REPO, "77", "0123abc")
GIVEN = GivenJob("https://git.example.com/a/b", "1", "given-token")


def ignore(note: str) -> None:
    """For tests that look at the end only."""


@asynccontextmanager
async def runner(*answers: bytes) -> AsyncIterator[tuple[IdTokenRequest, list[str]]]:
    """A runner that gives its ``answers`` in turn, the last one for ever; the list gets the head of each request."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answers[min(len(asked), len(answers)) - 1])
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield IdTokenRequest(f"http://127.0.0.1:{port}/token?api-version=2.0", "bearer-secret"), asked


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


async def test_ci_says_who_asks() -> None:
    assert await find_job(GivenJob(), GITLAB, SERVER, SkippingClock(), ignore) == UnverifiedJob(REPO, "42", "job-token")


async def test_options_win_over_ci() -> None:
    assert await find_job(GIVEN, GITLAB, SERVER, SkippingClock(), ignore) == UnverifiedJob(
        "https://git.example.com/a/b", "1", "given-token"
    )


@pytest.mark.parametrize(("audience", "sent"), [(None, "https%3A%2F%2Fdag.example.com"), ("dag two", "dag")])
async def test_an_id_token_is_asked_from_the_runner(audience: str | None, sent: str) -> None:
    async with runner(answer("200 OK", b'{"value": "id-token"}')) as (request, asked):
        ci = replace(ACTIONS, id_token_request=request)
        assert (await find_job(GivenJob(audience=audience), ci, SERVER, SkippingClock(), ignore)).token == "id-token"
    assert f"/token?api-version=2.0&audience={sent}" in asked[0]
    assert "\r\nauthorization: bearer bearer-secret\r\n" in asked[0].lower()


async def test_no_id_token_is_asked_for_when_there_is_a_token() -> None:
    nobody = IdTokenRequest("http://127.0.0.1:1/", "bearer")
    ci = replace(ACTIONS, id_token_request=nobody, token="id-token")
    assert (await find_job(GivenJob(), ci, SERVER, SkippingClock(), ignore)).token == "id-token"


@pytest.mark.parametrize(
    ("given", "ci", "text"),
    [
        (GivenJob(), Ci(), r"--repo is missing: give it, or set DAG_REPO_URL \(no CI system was recognised\)"),
        (GivenJob(REPO), Ci(), "--job-id is missing: give it, or set DAG_JOB_ID"),
        (GivenJob(REPO, "1"), Ci(), "--job-token is missing: give it, or set DAG_JOB_TOKEN"),
        (GivenJob(), replace(GITLAB, token=None), r"--job-token is missing: .* \(gitlab does not say it\)"),
        (GivenJob(), ACTIONS, "--job-token is missing: give the job 'permissions: id-token: write'"),
        (replace(GIVEN, repo="shop/web"), Ci(), "--repo: this is not a repository URL such as https://"),
    ],
)
async def test_what_is_missing_is_named_with_the_way_out(given: GivenJob, ci: Ci, text: str) -> None:
    with pytest.raises(WrongUsage, match=text):
        await find_job(given, ci, SERVER, SkippingClock(), ignore)


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (403, b"s3cret", "the runner gives no ID token: HTTP 403; give the job 'permissions: id-token: write'"),
        (302, b"", "the runner gives no ID token: HTTP 302"),
        (200, b"s3cret", "the runner's answer has no ID token in 'value'"),
        (200, b"[]", "the runner's answer has no ID token in 'value'"),
        (200, b"{}", "the runner's answer has no ID token in 'value'"),
        (200, b'{"value": ""}', "the runner's answer has no ID token in 'value'"),
        (200, b'{"value": 7}', "the runner's answer has no ID token in 'value'"),
    ],
)
def test_a_runner_without_token_is_wrong_usage(status: int, body: bytes, text: str) -> None:
    with pytest.raises(WrongUsage, match=f"--job-token: {text}") as caught:
        token_in(Answer(status, {}, body))
    assert "s3cret" not in str(caught.value)


async def test_a_runner_in_trouble_is_asked_again() -> None:
    good, notes, clock = answer("200 OK", b'{"value": "id-token"}'), list[str](), SkippingClock()
    async with runner(answer("503 Oops", b"s3cret"), b"", good) as (request, asked):
        assert await fetch_id_token(request, "x", clock, notes.append) == "id-token"
    assert (len(asked), [int(wait) for wait in clock.slept]) == (3, [1, 2])
    assert notes[0] == "the runner: HTTP 503; trying again in 1 s"
    assert notes[1].startswith("the runner: Server disconnected")


async def test_a_runner_that_stays_in_trouble_leaves_the_outcome_unknown() -> None:
    async with runner(answer("503 Oops", b"s3cret")) as (request, asked):
        with pytest.raises(OutcomeUnknown, match=r"^--job-token: the runner gives no ID token: HTTP 503$"):
            await fetch_id_token(request, "x", SkippingClock(), ignore)
    assert len(asked) == 4


async def test_a_runner_that_refuses_is_asked_once() -> None:
    async with runner(answer("403 Forbidden", b"")) as (request, asked):
        with pytest.raises(WrongUsage, match="--job-token: the runner gives no ID token: HTTP 403"):
            await fetch_id_token(request, "x", SkippingClock(), ignore)
    assert len(asked) == 1


async def test_a_runner_that_hangs_up_leaves_the_outcome_unknown() -> None:
    async with runner(b"") as (request, _):
        with pytest.raises(OutcomeUnknown, match=r"the runner does not answer \(4 tries\): .*disconnected"):
            await fetch_id_token(request, "x", SkippingClock(), ignore)


async def test_a_runner_that_talks_without_end_is_not_listened_to() -> None:
    async with runner(answer("200 OK", b" " * 100_000)) as (request, _):
        with pytest.raises(OutcomeUnknown, match=r"the answer of 127.0.0.1 is larger than 65536 bytes"):
            await fetch_id_token(request, "x", SkippingClock(), ignore)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (IdTokenRequest("http://a:b/", "bearer"), "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL: Invalid port"),
        (IdTokenRequest("ftp://a/", "bearer"), r"ACTIONS_ID_TOKEN_REQUEST_URL is not an http\(s\) URL; give the job"),
        (IdTokenRequest("http://127.0.0.1:1/", "s3cret\n"), "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not one line of ASCII"),
        (
            IdTokenRequest("http://127.0.0.1:1/", "s3cr\u00e9t"),
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not one line of ASCII",
        ),
    ],
)
async def test_a_runner_that_can_not_be_asked_is_wrong_usage(request_: IdTokenRequest, text: str) -> None:
    with pytest.raises(WrongUsage, match=f"--job-token: {text}") as caught:
        await fetch_id_token(request_, "x", SkippingClock(), ignore)
    assert "s3cr" not in str(caught.value)


def test_the_options_do_not_print_their_token() -> None:
    assert "given-token" not in repr(GIVEN)
