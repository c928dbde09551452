"""When the keys of an issuer are read, and what is done when they can not be."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from dag_gateway.forges.answer import ForgeUnavailable
from dag_gateway.forges.fetch import ForgeClient
from dag_gateway.forges.keys import IssuerKeys
from dag_gateway.forges.unverified_token import TokenRefused
from tests.fakes.manual_clock import ManualClock
from tests.fakes.oidc_issuer import DISCOVERY, JWKS, OidcIssuer, oidc_issuer, reply
from tests.fakes.signing_keys import rsa_key

HOUR = 3600.0
READING = [DISCOVERY, JWKS]
"""What is asked for when keys are read."""


@asynccontextmanager
async def keys_of(
    issuer: OidcIssuer, clock: ManualClock, timeout: float = 60, **settings: Any
) -> AsyncIterator[IssuerKeys]:
    client = ForgeClient("forge", issuer.url, timeout, clock)
    try:
        yield IssuerKeys(issuer.settings(**settings), client, clock)
    finally:
        await client.aclose()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def issuer() -> AsyncIterator[OidcIssuer]:
    async with oidc_issuer() as served:
        yield served


@pytest.fixture
async def keys(issuer: OidcIssuer, clock: ManualClock) -> AsyncIterator[IssuerKeys]:
    async with keys_of(issuer, clock) as opened:
        yield opened


async def test_keys_are_read_once_and_kept(issuer: OidcIssuer, keys: IssuerKeys) -> None:
    assert issuer.requests == []
    assert (await keys.key("first")).algorithm == "RS256"
    assert await keys.key("first") is await keys.key("first")
    assert issuer.requests == READING


async def test_a_hundred_who_ask_at_once_cause_one_reading(issuer: OidcIssuer, keys: IssuerKeys) -> None:
    issuer.held.clear()
    asked = [asyncio.create_task(keys.key("first")) for _ in range(100)]
    await issuer.asked.wait()
    issuer.held.set()
    assert len(await asyncio.gather(*asked)) == 100
    assert issuer.requests == READING


async def test_a_hundred_who_ask_an_issuer_that_is_down_share_the_answer(issuer: OidcIssuer, keys: IssuerKeys) -> None:
    issuer.fault[DISCOVERY] = reply(b"", "503 Service Unavailable")
    issuer.held.clear()
    asked = [asyncio.create_task(keys.key("first")) for _ in range(100)]
    await issuer.asked.wait()
    issuer.held.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, ForgeUnavailable) for answer in answers)
    assert len({id(answer) for answer in answers}) == 100
    assert issuer.requests == [DISCOVERY]


async def test_who_goes_away_while_the_keys_are_read_takes_nobody_along(issuer: OidcIssuer, keys: IssuerKeys) -> None:
    issuer.held.clear()
    first, second = asyncio.create_task(keys.key("first")), asyncio.create_task(keys.key("first"))
    await issuer.asked.wait()
    first.cancel()
    issuer.held.set()
    assert (await second).algorithm == "RS256"
    assert first.cancelled()


async def test_keys_are_read_again_when_they_are_no_longer_fresh(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("first")
    clock.advance(HOUR - 1)
    await keys.key("first")
    assert issuer.requests == READING
    clock.advance(1)
    await keys.key("first")
    assert issuer.requests == READING * 2


async def test_the_issuer_says_how_long_its_keys_are_fresh(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    issuer.headers = ("Cache-Control: public, max-age=7200",)
    await keys.key("first")
    clock.advance(7199)
    await keys.key("first")
    assert issuer.requests == READING


async def test_a_new_key_is_found_at_once(issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock) -> None:
    await keys.key("first")
    issuer.turn("second", rsa_key("second"))
    clock.advance(30)
    assert (await keys.key("second")).algorithm == "RS256"
    assert issuer.requests == READING * 2


async def test_a_key_that_was_withdrawn_is_no_longer_known(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("first")
    issuer.turn("second", rsa_key("second"))
    clock.advance(HOUR)
    with pytest.raises(
        TokenRefused, match=rf"^the ID token names the key 'first', and {issuer.url} has none of that name$"
    ) as refusal:
        await keys.key("first")
    assert refusal.value.code == "token_refused"


async def test_unknown_keys_cause_one_reading_in_half_a_minute(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("first")
    for seconds, readings in [(0, 1), (29, 1), (1, 2), (0, 2), (29.9, 2), (0.1, 3)]:
        clock.advance(seconds)
        for number in range(3):
            with pytest.raises(TokenRefused, match=rf"^the ID token names the key 'unknown-{number}', and .* none of"):
                await keys.key(f"unknown-{number}")
        assert issuer.requests == READING * readings
    assert (await keys.key("first")).algorithm == "RS256"


async def test_a_key_that_is_too_weak_is_named(issuer: OidcIssuer, keys: IssuerKeys) -> None:
    issuer.keys["weak"] = rsa_key("weak", 1024)
    with pytest.raises(
        TokenRefused, match=r"^the key 'weak' of forge 'forge' is not accepted: it has 1024 bits; 2048 to 16384 are acc"
    ):
        await keys.key("weak")


Breakage = Callable[[OidcIssuer], None]


def _fault(path: str, raw: bytes | None) -> Breakage:
    return lambda issuer: issuer.fault.update({path: raw})


def _discovery(**replaced: str) -> Breakage:
    return lambda issuer: issuer.discovery.update(replaced)


def _keys(*published: dict[str, Any]) -> Breakage:
    return lambda issuer: setattr(issuer, "jwks", list(published))


TOO_LARGE = b"x" * (512 * 1024 + 1)
ELSEWHERE = "Location: http://127.0.0.1:1/"

BROKEN: dict[str, tuple[Breakage, str]] = {
    "discovery hangs up": (_fault(DISCOVERY, None), r"forge 'forge' can not be reached \(ServerDisconnectedError\)"),
    "keys hang up": (_fault(JWKS, None), r"forge 'forge' can not be reached \(ServerDisconnectedError\)"),
    "not http": (_fault(DISCOVERY, b"SSH-2.0\r\n"), r"forge 'forge' can not be reached \(ClientResponseError\)"),
    "discovery fails": (_fault(DISCOVERY, reply(b"", "500 Oops")), "forge 'forge' answered 500 instead of 200"),
    "keys fail": (_fault(JWKS, reply(b"", "502 Oops")), "forge 'forge' answered 502 instead of 200"),
    "no discovery": (_fault(DISCOVERY, reply(b"{}", "404 Not Found")), "forge 'forge' answered 404 instead of 200"),
    "discovery moved": (_fault(DISCOVERY, reply(b"", "302 Found", ELSEWHERE)), "forge 'forge' answered 302; redirects"),
    "keys moved": (_fault(JWKS, reply(b"", "307 Temporary", ELSEWHERE)), "forge 'forge' answered 307; redirects"),
    "discovery is a page": (
        _fault(DISCOVERY, reply(b"<html>")),
        "forge 'forge' sent an unreadable answer: Invalid JSON",
    ),
    "discovery is empty": (
        _fault(DISCOVERY, reply(b"{}")),
        "forge 'forge' sent an unreadable answer: field issuer: Fiel",
    ),
    "keys are no list": (
        _fault(JWKS, reply(b'{"keys": {}}')),
        "forge 'forge' sent an unreadable answer: field keys: Inp",
    ),
    "a key is a number": (
        _fault(JWKS, reply(b'{"keys": [1]}')),
        "forge 'forge' sent an unreadable answer: field keys.0:",
    ),
    "too many keys": (_keys(*[{}] * 101), "forge 'forge' sent .*: field keys: List should have at most 100 items"),
    "huge discovery": (_fault(DISCOVERY, reply(TOO_LARGE)), "forge 'forge' sent more than 524288 bytes"),
    "huge keys": (_fault(JWKS, reply(TOO_LARGE)), "forge 'forge' sent more than 524288 bytes"),
    "another issuer": (
        _discovery(issuer="https://evil.example.com"),
        ".* is the document of the issuer 'https://evil.ex",
    ),
    "keys elsewhere": (_discovery(jwks_uri="https://evil.example.com/keys"), "the jwks_uri 'https://evil.example.com/"),
}


@pytest.mark.parametrize(("breakage", "problem"), BROKEN.values(), ids=BROKEN)
async def test_an_issuer_that_is_broken_proves_nothing(
    issuer: OidcIssuer, keys: IssuerKeys, breakage: Breakage, problem: str
) -> None:
    breakage(issuer)
    with pytest.raises(ForgeUnavailable, match=rf"^the keys of {issuer.url} are not known: {problem}") as failure:
        await keys.key("first")
    assert failure.value.code == "forge_unavailable"
    assert failure.value.retry_after > 0


@pytest.mark.parametrize(("breakage", "problem"), BROKEN.values(), ids=BROKEN)
async def test_keys_outlive_an_issuer_that_is_broken(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock, breakage: Breakage, problem: str
) -> None:
    await keys.key("first")
    breakage(issuer)
    clock.advance(HOUR + 24 * HOUR - 1)
    assert (await keys.key("first")).algorithm == "RS256"
    clock.advance(1)
    with pytest.raises(ForgeUnavailable, match=rf"^the keys of {issuer.url} are not known: {problem}"):
        await keys.key("first")


async def test_an_issuer_that_is_silent_is_given_up(issuer: OidcIssuer, clock: ManualClock) -> None:
    issuer.held.clear()
    async with keys_of(issuer, clock, timeout=0.05) as keys:
        with pytest.raises(ForgeUnavailable, match=r"are not known: forge 'forge' did not answer within 0.05 s$"):
            await keys.key("first")


async def test_an_unknown_key_is_no_lie_while_the_issuer_is_down(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("first")
    issuer.fault[DISCOVERY] = reply(b"", "503 Oops", "Retry-After: 17")
    clock.advance(30)
    for _ in range(2):
        with pytest.raises(ForgeUnavailable, match=r"are not known: forge 'forge' answered 503") as failure:
            await keys.key("second")
        assert failure.value.retry_after == 17
    assert issuer.requests == [*READING, DISCOVERY]


async def test_who_has_a_key_does_not_wait_for_a_reading(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("first")
    clock.advance(HOUR)
    issuer.held.clear()
    issuer.asked.clear()
    reading = asyncio.create_task(keys.key("first"))
    await issuer.asked.wait()
    assert (await keys.key("first")).algorithm == "RS256"
    assert not reading.done()
    issuer.held.set()
    assert (await reading).algorithm == "RS256"


async def test_an_issuer_that_is_back_is_read_after_half_a_minute(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("first")
    issuer.fault[DISCOVERY] = reply(b"", "503 Oops")
    clock.advance(HOUR)
    await keys.key("first")
    issuer.fault.clear()
    issuer.turn("second", rsa_key("second"))
    clock.advance(29)
    await keys.key("first")
    clock.advance(1)
    assert (await keys.key("second")).algorithm == "RS256"
    with pytest.raises(TokenRefused, match=r"^the ID token names the key 'third', and .* has none of that name$"):
        await keys.key("third")
    assert issuer.requests == [*READING, DISCOVERY, *READING]


async def test_the_log_says_that_keys_are_used_which_can_not_be_checked(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("first")
    issuer.fault[DISCOVERY] = reply(b"", "503 Oops")
    clock.advance(HOUR)
    with capture_logs() as logged:
        for _ in range(3):
            assert (await keys.key("first")).algorithm == "RS256"
            clock.advance(30)
    assert issuer.requests == [*READING, *[DISCOVERY] * 3]
    assert logged == [
        {
            "event": "the keys of an issuer could not be read",
            "log_level": "warning",
            "issuer": issuer.url,
            "why": "forge 'forge' answered 503 instead of 200",
            "has_keys": True,
        }
    ]


async def test_the_wall_clock_says_nothing_of_how_old_keys_are(
    issuer: OidcIssuer, keys: IssuerKeys, clock: ManualClock
) -> None:
    await keys.key("first")
    clock.jump(1000 * HOUR)
    await keys.key("first")
    clock.jump(-2000 * HOUR)
    await keys.key("first")
    assert issuer.requests == READING


async def test_no_key_at_all_is_an_answer_too(issuer: OidcIssuer, keys: IssuerKeys) -> None:
    issuer.jwks = []
    with pytest.raises(TokenRefused, match=r"^the ID token names the key 'first', and .* has none of that name$"):
        await keys.key("first")
