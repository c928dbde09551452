"""Nothing a client sends is the gateway's fault: every answer is JSON in the one shape, and none is a 5xx."""

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from dag_gateway.charts import pack
from tests.fakes.world import World, chart_files, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHART = pack("web", chart_files())
ODD = [
    "",
    " ",
    "\x00",
    "\ud800",
    "a\r\nX-Evil: 1",
    "\u202e",
    "é",
    "💥" * 300,
    "x" * 9000,
    "../../etc/passwd",
    "http://[",
    "https://user:word@host/a/b",
    "%00",
    "{}",
    "-1",
    "1e999",
    None,
    True,
    -1,
    10**30,
    1.5,
    [],
    [["x"]],
    {},
    {"a": None},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world")) as running:
        yield running


def refused(answer: httpx.Response, *statuses: int) -> str:
    """The error text of an answer in the one shape of errors."""
    assert answer.status_code in statuses, answer.text
    body = answer.json()
    assert set(body) in ({"error", "code"}, {"error", "code", "details"})
    assert answer.headers["x-request-id"]
    text: str = body["error"]
    return text


async def test_a_number_of_thousands_of_digits_is_refused(running: World) -> None:
    body = b'{"jobId": ' + b"1" * 5000 + b"}"
    answer = await running.http.post("/api/get/values", content=body, headers={"Content-Type": "application/json"})
    assert refused(answer, 400) == "the body is not acceptable JSON: a number has too many digits"


@pytest.mark.parametrize("charset", ["undefined", "unicode_escape", "utf-16", "\xff"])
async def test_a_form_in_another_charset_is_refused(running: World, charset: str) -> None:
    parts = b'--b\r\nContent-Disposition: form-data; name="\\ud800"\r\n\r\n1\r\n'
    content_type = f"multipart/form-data; boundary=b; charset={charset}".encode("latin-1")
    answer = await running.http.post(
        "/api/deploy", content=parts * 2 + b"--b--\r\n", headers={b"Content-Type": content_type}
    )
    assert refused(answer, 415) == f"Content-Type: the charset of a form is utf-8, not {charset}"


@pytest.mark.parametrize("path", ["/api/deploy/", "/api/get/values/", "/livez/"])
async def test_no_request_is_sent_on_to_another_address(running: World, path: str) -> None:
    answer = await running.http.post(path, headers={"Host": "evil.example.com"})
    assert refused(answer, 404) == f"there is nothing at {path}"


@pytest.mark.parametrize("deployment_id", ["%00", "%ff%fe", "a%2F..", "x" * 8000, "..%5c", "'--", "%F0%9F%92%A5"])
async def test_an_odd_id_is_not_found(running: World, deployment_id: str) -> None:
    for path in (f"/api/deployments/{deployment_id}", f"/api/deployments/{deployment_id}/events"):
        refused(await running.http.get(path), 404)


async def test_json_bodies_of_all_shapes_get_an_answer(running: World) -> None:
    dice = random.Random(20260131)
    for _ in range(150):
        job = running.around.job()
        body: dict[str, Any] = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token}
        for field in dice.sample([*body, "environment"], dice.randint(1, 2)):
            body[field] = dice.choice(ODD)
        answer = await running.http.post(
            f"/api/get/{dice.choice(['chart', 'values'])}",
            content=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        refused(answer, 400, 401, 404)


def odd_bytes(dice: random.Random) -> bytes:
    """A value as it might come in a header or a field; nothing that breaks the framing itself."""
    text = dice.choice([value for value in ODD if isinstance(value, str)]).encode("utf-8", "surrogatepass")
    raw = dice.choice([text, dice.randbytes(dice.randint(0, 40))])
    return raw.translate(None, b"\r\n\x00")


async def test_forms_and_headers_of_all_shapes_get_an_answer(running: World) -> None:
    dice = random.Random(20260201)
    for _ in range(150):
        job = running.around.job()
        fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token, "version": "1"}
        parts = [_part(name.encode(), value.encode()) for name, value in fields.items()]
        # Never a chart: what is sound but for it must not become a deployment.
        parts.insert(dice.randrange(5), _part(dice.choice([b"jobId", odd_bytes(dice)]), odd_bytes(dice)))
        parts[dice.randrange(5)] = _part(odd_bytes(dice), odd_bytes(dice), odd_bytes(dice))
        headers = {b"Content-Type": b"multipart/form-data; boundary=b"}
        name = dice.choice([b"Content-Type", b"Authorization", b"Idempotency-Key", b"X-Request-ID", b"Content-Length"])
        if name != b"Content-Length":
            headers[name] = dice.choice([b"", b"multipart/form-data; ", b"Bearer "]) + odd_bytes(dice).strip()
        body = b"".join(parts) + dice.choice([b"--b--\r\n", b"--b--", b"--b", b""])
        answer = await running.http.post("/api/deploy", content=_framed(headers, body), headers=headers)
        refused(answer, 400, 401, 404, 415)


def _framed(headers: dict[bytes, bytes], body: bytes) -> bytes:
    """h11 does not send what a header must not hold, so that is cut out here."""
    for name, value in headers.items():
        headers[name] = bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F).strip()
    return body


def _part(name: bytes, value: bytes, filename: bytes | None = None) -> bytes:
    known_as = b"" if filename is None else b'; filename="' + filename + b'"'
    return b'--b\r\nContent-Disposition: form-data; name="' + name + b'"' + known_as + b"\r\n\r\n" + value + b"\r\n"
