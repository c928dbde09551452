"""ID tokens with real signatures, against an issuer over real HTTP: the good ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dag_gateway.forges.answer import ForgeUnavailable
from dag_gateway.forges.fetch import ForgeClient
from dag_gateway.forges.tokens import TokenVerifier
from dag_gateway.forges.unverified_token import TokenRefused
from tests.fakes.manual_clock import ManualClock
from tests.fakes.oidc_issuer import AUDIENCE, DISCOVERY, JWKS, OidcIssuer, oidc_issuer, reply
from tests.fakes.signed_tokens import signed
from tests.fakes.signing_keys import ec_key, rsa_key


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def issuer() -> AsyncIterator[OidcIssuer]:
    async with oidc_issuer() as served:
        yield served


@asynccontextmanager
async def verifier_of(issuer: OidcIssuer, clock: ManualClock, **settings: Any) -> AsyncIterator[TokenVerifier]:
    client = ForgeClient("forge", issuer.url, 60, clock)
    try:
        yield TokenVerifier([issuer.settings(**settings)], client, clock)
    finally:
        await client.aclose()


@pytest.fixture
async def verifier(issuer: OidcIssuer, clock: ManualClock) -> AsyncIterator[TokenVerifier]:
    async with verifier_of(issuer, clock) as opened:
        yield opened


async def test_a_token_of_the_issuer_is_told(issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock) -> None:
    told = await verifier.verify(issuer.sign(issuer.claims(clock.now(), ref="refs/heads/main")))
    assert told is not None
    assert (told.issuer, told.jti, told.claims["ref"]) == (issuer.url, "one", "refs/heads/main")
    assert 300 < (told.expires - clock.now()).total_seconds() <= 331
    assert issuer.requests == [DISCOVERY, JWKS]


async def test_an_issuer_may_sign_with_an_elliptic_curve(issuer: OidcIssuer, clock: ManualClock) -> None:
    issuer.keys["curve"] = ec_key("first")
    async with verifier_of(issuer, clock, algorithms=("RS256", "ES256")) as verifier:
        assert await verifier.verify(issuer.sign(issuer.claims(clock.now()), "curve", alg="ES256"))
        assert await verifier.verify(issuer.sign(issuer.claims(clock.now()), "first"))


async def test_an_audience_may_be_one_of_several(
    issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    assert await verifier.verify(issuer.sign(issuer.claims(clock.now(), aud=["https://other", AUDIENCE])))


async def test_the_keys_are_turned_without_a_break(
    issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    assert await verifier.verify(issuer.sign(issuer.claims(clock.now())))
    clock.advance(60)
    issuer.keys["second"] = rsa_key("second")
    assert await verifier.verify(issuer.sign(issuer.claims(clock.now()), "second"))
    assert await verifier.verify(issuer.sign(issuer.claims(clock.now()), "first"))
    assert issuer.requests == [DISCOVERY, JWKS] * 2


async def test_another_key_of_the_same_name_signs_no_more(
    issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    old = issuer.sign(issuer.claims(clock.now(), exp=int(clock.now().timestamp()) + 7200))
    assert await verifier.verify(old)
    issuer.turn("first", rsa_key("second"))
    clock.advance(3600)
    with pytest.raises(TokenRefused, match=r"^the signature of the ID token is not one of its issuer's$"):
        await verifier.verify(old)


async def test_a_hundred_tokens_at_once_cause_one_reading(
    issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    tokens = [issuer.sign(issuer.claims(clock.now(), jti=str(number))) for number in range(100)]
    told = await asyncio.gather(*map(verifier.verify, tokens))
    assert {claims.jti for claims in told if claims} == {str(number) for number in range(100)}
    assert issuer.requests == [DISCOVERY, JWKS]


async def test_tokens_are_told_while_the_issuer_is_down(
    issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    assert await verifier.verify(issuer.sign(issuer.claims(clock.now())))
    issuer.fault = dict.fromkeys([DISCOVERY, JWKS])
    for _ in range(24):
        clock.advance(3600)
        assert await verifier.verify(issuer.sign(issuer.claims(clock.now())))
    clock.advance(3600)
    with pytest.raises(ForgeUnavailable, match=rf"^the keys of {issuer.url} are not known: forge 'forge' ") as failure:
        await verifier.verify(issuer.sign(issuer.claims(clock.now())))
    assert (failure.value.code, failure.value.retry_after >= 1) == ("forge_unavailable", True)


async def test_a_dead_issuer_answers_at_once(issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock) -> None:
    issuer.fault[DISCOVERY] = reply(b"", "502 Bad Gateway")
    token = issuer.sign(issuer.claims(clock.now()))
    for _ in range(20):
        with pytest.raises(ForgeUnavailable, match=rf"^the keys of {issuer.url} are not known: forge 'forge' "):
            await verifier.verify(token)
    assert issuer.requests == [DISCOVERY] * 5
    issuer.fault.clear()
    clock.advance(1)
    assert await verifier.verify(token)


async def test_a_token_without_a_name_is_told_where_the_issuer_gives_none(
    issuer: OidcIssuer, clock: ManualClock
) -> None:
    async with verifier_of(issuer, clock, has_token_ids=False) as verifier:
        token = issuer.sign(issuer.claims(clock.now(), jti=None))
        first, again = await verifier.verify(token), await verifier.verify(token)
    assert first is not None
    assert again is not None
    assert (first.jti, len(first.jti)) == (again.jti, 64)


@pytest.mark.parametrize("token", ["", "glcbt-64_Zm9v", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ"])
async def test_what_is_no_id_token_is_left_to_others(issuer: OidcIssuer, verifier: TokenVerifier, token: str) -> None:
    assert await verifier.verify(token) is None
    assert issuer.requests == []


@pytest.mark.parametrize("suffix", ["/", "/.well-known", ".evil.example.com", "?", "\n", " "])
async def test_the_issuer_is_compared_character_by_character_before_anybody_is_asked(
    issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock, suffix: str
) -> None:
    assert await verifier.verify(issuer.sign(issuer.claims(clock.now(), iss=issuer.url + suffix))) is None
    assert issuer.requests == []


@pytest.mark.parametrize("told", ["https://evil.example.com", None, 7, ["https://evil.example.com"]])
async def test_an_id_token_of_somebody_else_is_left_to_others(
    issuer: OidcIssuer, verifier: TokenVerifier, clock: ManualClock, told: Any
) -> None:
    token = signed(rsa_key("second"), {"alg": "RS256", "kid": "first"}, issuer.claims(clock.now(), iss=told))
    assert await verifier.verify(token) is None
    assert issuer.requests == []


async def test_without_issuers_no_id_token_is_taken(issuer: OidcIssuer, clock: ManualClock) -> None:
    client = ForgeClient("forge", issuer.url, 60, clock)
    assert await TokenVerifier([], client, clock).verify(issuer.sign(issuer.claims(clock.now()))) is None
    await client.aclose()
