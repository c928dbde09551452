"""A fuzz with a fixed seed of every field and header of the CI endpoints: nothing a client sends is a 5xx."""

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dag_gateway.charts import pack
from tests.fakes.door import Door, RawAnswer, ask, door_config, form, job_fields, open_door, upload
from tests.fakes.world import chart_files

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHART = pack("web", chart_files())
FIELDS = ["repoUrl", "jobId", "jobToken", "version", "environment"]
HEADERS = [
    "Content-Type",
    "Authorization",
    "Idempotency-Key",
    "X-Request-ID",
    "X-Forwarded-For",
    "Accept",
    "Range",
    "Content-Encoding",
    "If-None-Match",
    "Expect",
    "Upgrade",
    "Connection",
    "Cookie",
    "Origin",
    "X-API-KEY",
]
ODD = [
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    "\u202e\u2028".encode(),
    "💥".encode() * 300,
    b"x" * 9000,
    b"../../etc/passwd",
    b"http://[",
    b"https://user:word@host/a/b",
    b"%00%0a",
    b"{}",
    b"-1",
    b"1e999",
    b"' OR 1=1 --",
    b"${jndi:ldap://x}",
    b"{{7*7}}",
    b"\t",
    b'"',
    b"\\",
    b";",
    b"a,b",
    b"Bearer",
    b"Bearer  x",
    b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=\xff",
    b"multipart/form-data; boundary=b; boundary=c",
    b"application/json; charset=utf-7",
    b"100-continue",
    b"websocket",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """Healthy at the start and at the end, and good uploads are accepted at both."""
    limits = {"refusals_per_address": 10_000, "refusals_per_repository": 10_000}
    async with open_door(door_config(tmp_path_factory.mktemp("door"), limits)) as door:
        for version in ("1.0.0", "1.0.1"):
            assert (await ask(door.url, b"GET /readyz HTTP/1.1\r\nHost: dag\r\n\r\n")).status == 200
            assert (await ask(door.url, upload(form(job_fields(version=version), CHART)))).status == 200
            if version == "1.0.0":
                yield door


def told(answer: RawAnswer) -> None:
    """An answer in one of the shapes that clients know, and nothing of how the gateway is made."""
    assert answer.status in (200, 400, 401, 404, 408, 413, 415, 422, 429, 431), answer
    body = answer.json()
    assert isinstance(body, dict)
    assert answer.status == 200 or set(body) <= {"error", "code", "details"}
    for word in (b"Traceback", b".py", b"site-packages", b"s3cret-shared-token"):
        assert word not in answer.body


def odd(dice: random.Random) -> bytes:
    return dice.choice([dice.choice(ODD), dice.randbytes(dice.randint(0, 40))])


def in_header(value: bytes) -> bytes:
    """What may stand in a header at all; what may not is refused as malformed, which is tested elsewhere."""
    return bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F).strip()


def raw_form(fields: dict[bytes, bytes], chart: bytes) -> bytes:
    parts = [b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % pair for pair in fields.items()]
    parts.append(b'--b\r\nContent-Disposition: form-data; name="chart"; filename="c"\r\n\r\n%b\r\n' % chart)
    return b"".join(parts) + b"--b--\r\n"


async def test_every_field_of_an_upload_may_be_anything(door: Door) -> None:
    dice = random.Random(20260501)
    for field in [*FIELDS, "chart"] * 12:
        fields = {name.encode(): value.encode() for name, value in job_fields().items()}
        value = odd(dice)
        if field != "chart":
            fields[field.encode()] = value
        # Never a chart: what is sound but for it would become a deployment.
        told(await ask(door.url, upload(raw_form(fields, value if field == "chart" else b"no chart"))))


async def test_every_part_of_a_form_may_be_named_anything(door: Door) -> None:
    dice = random.Random(20260502)
    for _ in range(60):
        fields = {name.encode(): value.encode() for name, value in job_fields().items()}
        body = raw_form(fields | {odd(dice): odd(dice)}, odd(dice))
        told(await ask(door.url, upload(body.replace(b"form-data", odd(dice), dice.randint(0, 1)))))


@pytest.mark.parametrize("header", HEADERS)
async def test_every_header_may_be_anything(door: Door, header: str) -> None:
    dice = random.Random(f"20260503 {header}")
    for _ in range(6):
        value = in_header(dice.choice([b"", b"Bearer ", b"multipart/form-data; "]) + odd(dice))
        lines = [b"POST /api/deploy HTTP/1.1", b"Host: dag", header.encode() + b": " + value]
        if header != "Content-Type":
            lines.append(b"Content-Type: multipart/form-data; boundary=b")
        body = form(job_fields(), b"no chart")
        lines.append(b"Content-Length: %d" % len(body))
        told(await ask(door.url, b"\r\n".join(lines) + b"\r\n\r\n" + body))


def json_values(dice: random.Random) -> Any:
    text = dice.choice(ODD).decode("latin-1")
    return dice.choice([None, True, -1, 10**30, 1.5, [], [["x"]], {}, {"a": None}, "\ud800", text])


async def test_every_field_of_a_question_may_be_anything(door: Door) -> None:
    dice = random.Random(20260504)
    for number, field in enumerate(FIELDS * 12):
        body = json.dumps({**job_fields(), "environment": "production", field: json_values(dice)}).encode()
        path = ("chart", "values")[number % 2]
        head = f"POST /api/get/{path} HTTP/1.1\r\nHost: dag\r\nContent-Type: application/json\r\n"
        told(await ask(door.url, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body))


GOOD_BODY = form(job_fields(), b"no chart")


@settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.tuples(st.integers(0, len(GOOD_BODY)), st.integers(0, len(GOOD_BODY)), st.binary(max_size=8)).map(
            lambda cut: GOOD_BODY[: cut[0]] + cut[2] + GOOD_BODY[cut[1] :]
        ),
    )
)
async def test_a_multipart_body_may_be_anything(door: Door, body: bytes) -> None:
    told(await ask(door.url, upload(body)))
