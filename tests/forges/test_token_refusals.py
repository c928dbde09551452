"""ID tokens that somebody made up, against an issuer over real HTTP: every way in is closed, and says why."""

import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from dag_gateway.errors import GatewayError
from dag_gateway.forges.answer import ForgeUnavailable
from dag_gateway.forges.fetch import ForgeClient
from dag_gateway.forges.registered_claims import TokenExpired, WrongAudience
from dag_gateway.forges.tokens import TokenVerifier
from dag_gateway.forges.unverified_token import LONGEST_TOKEN, TokenRefused
from tests.fakes.manual_clock import ManualClock
from tests.fakes.oidc_issuer import DISCOVERY, OidcIssuer, oidc_issuer, reply
from tests.fakes.signed_tokens import signed, signed_with_secret, unsigned_token, with_claims
from tests.fakes.signing_keys import ec_key, public_jwk, public_pem, rsa_key

CLOCK = ManualClock()
THIEF = rsa_key("thief")
BOTH = ("RS256", "ES256")

Forgery = Callable[[OidcIssuer], str]


def claims(issuer: OidcIssuer, **more: Any) -> dict[str, Any]:
    return issuer.claims(CLOCK.now(), **more)


def header(**more: Any) -> dict[str, Any]:
    return {"alg": "RS256", "typ": "JWT", "kid": "first", **more}


def unix(seconds: int) -> int:
    """That far from now."""
    return int((CLOCK.now() + timedelta(seconds=seconds)).timestamp())


def stolen_name(**more: Any) -> Forgery:
    """Signed by the thief, with the name of the issuer's key."""
    return lambda issuer: signed(THIEF, header(**more), claims(issuer))


def own(**more: Any) -> Forgery:
    """Signed by the issuer itself, with other claims than a good token has."""
    return lambda issuer: issuer.sign(claims(issuer, **more))


def wrong_curve(issuer: OidcIssuer) -> str:
    issuer.keys["curve"] = ec_key("first", ec.SECP384R1)
    return issuer.sign(claims(issuer), "curve", alg="ES256")


def published_secret(issuer: OidcIssuer) -> str:
    issuer.jwks = [{"kid": "first", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]
    return signed_with_secret(b"secret", header(), claims(issuer))


def weak_key(issuer: OidcIssuer) -> str:
    issuer.keys["first"] = rsa_key("weak", 1024)
    return issuer.sign(claims(issuer))


def down(issuer: OidcIssuer) -> str:
    issuer.fault[DISCOVERY] = reply(b"", "503 Service Unavailable", "Retry-After: 9")
    return issuer.sign(claims(issuer))


NOT_ITS = r"the signature of the ID token is not one of its issuer's"
NO_KEY = r"the ID token names no key: its kid must be 1 to 255 printable ASCII characters"
OTHER_ALGORITHM = "the ID token is signed with {}; forge 'forge' signs with RS256 or ES256"
OWN_KEY = "the ID token brings its own key in the header {}; keys come from the issuer alone"
UNKNOWN = r"the ID token names the key .*, and http://127.0.0.1:\d+ has none of that name"
AUDIENCE = r"the ID token is not made for this gateway: its claim aud must be 'https://dag.example.com', .*"

REFUSALS: dict[str, tuple[Forgery, type[GatewayError], str, str]] = {
    "the signature of a thief": (stolen_name(), TokenRefused, "token_refused", NOT_ITS),
    "no signature, and says so": (
        lambda issuer: unsigned_token(header(alg="none"), claims(issuer)),
        TokenRefused,
        "token_refused",
        OTHER_ALGORITHM.format("'none'"),
    ),
    "no signature": (
        lambda issuer: unsigned_token(header(), claims(issuer)),
        TokenRefused,
        "token_refused",
        NOT_ITS,
    ),
    "the public key as a secret": (
        lambda issuer: signed_with_secret(public_pem(rsa_key("first")), header(alg="HS256"), claims(issuer)),
        TokenRefused,
        "token_refused",
        OTHER_ALGORITHM.format("'HS256'"),
    ),
    "the public key as a secret, and does not say so": (
        lambda issuer: signed_with_secret(public_pem(rsa_key("first")), header(), claims(issuer)),
        TokenRefused,
        "token_refused",
        NOT_ITS,
    ),
    "a secret that the issuer publishes": (
        published_secret,
        TokenRefused,
        "token_refused",
        r"the key 'first' of forge 'forge' is not accepted: only keys for RS256 and ES256 count",
    ),
    "another algorithm of the key": (
        stolen_name(alg="PS256"),
        TokenRefused,
        "token_refused",
        OTHER_ALGORITHM.format("'PS256'"),
    ),
    "an algorithm that the key is not for": (
        lambda issuer: signed(ec_key("thief"), header(alg="ES256"), claims(issuer)),
        TokenRefused,
        "token_refused",
        r"the ID token is signed with ES256, but its key is one for RS256",
    ),
    "another curve": (
        wrong_curve,
        TokenRefused,
        "token_refused",
        r"the key 'curve' of forge 'forge' is not accepted: only keys for RS256 and ES256 count",
    ),
    "a weak key": (
        weak_key,
        TokenRefused,
        "token_refused",
        r"the key 'first' of forge 'forge' is not accepted: it has 1024 bits; 2048 to 16384 are accepted",
    ),
    "a path for a key": (stolen_name(kid="../../../dev/null"), TokenRefused, "token_refused", UNKNOWN),
    "SQL for a key": (stolen_name(kid="x' UNION SELECT 'key"), TokenRefused, "token_refused", UNKNOWN),
    "an address for a key": (stolen_name(kid="http://127.0.0.1:1/"), TokenRefused, "token_refused", UNKNOWN),
    "lines for a key": (stolen_name(kid="first\r\nX: y"), TokenRefused, "token_refused", NO_KEY),
    "a list of keys": (stolen_name(kid=["first"]), TokenRefused, "token_refused", NO_KEY),
    "no key": (stolen_name(kid=None), TokenRefused, "token_refused", NO_KEY),
    "a key brought along": (
        stolen_name(jwk=public_jwk(THIEF, "first")),
        TokenRefused,
        "token_refused",
        OWN_KEY.format("jwk"),
    ),
    "a certificate brought along": (stolen_name(x5c=["MII"]), TokenRefused, "token_refused", OWN_KEY.format("x5c")),
    "keys elsewhere": (
        stolen_name(jku="http://127.0.0.1:1/"),
        TokenRefused,
        "token_refused",
        OWN_KEY.format("jku"),
    ),
    "a certificate elsewhere": (
        stolen_name(x5u="http://127.0.0.1:1/"),
        TokenRefused,
        "token_refused",
        OWN_KEY.format("x5u"),
    ),
    "an extension": (
        stolen_name(crit=["exp"]),
        TokenRefused,
        "token_refused",
        r"the ID token has the header crit, and no extension that it could ask for is known here",
    ),
    "an access token": (
        stolen_name(typ="at+jwt"),
        TokenRefused,
        "token_refused",
        r"the token is of the type 'at\+jwt'; only an ID token \(JWT\) counts",
    ),
    "other claims than were signed": (
        lambda issuer: with_claims(issuer.sign(claims(issuer)), claims(issuer, ref="refs/heads/main")),
        TokenRefused,
        "token_refused",
        NOT_ITS,
    ),
    "too long": (
        lambda issuer: issuer.sign(claims(issuer, padding="x" * LONGEST_TOKEN)),
        TokenRefused,
        "token_refused",
        r"the ID token is longer than 16384 characters",
    ),
    "for somebody else": (own(aud="https://other.example.com"), WrongAudience, "wrong_audience", AUDIENCE),
    "for others": (own(aud=["https://other.example.com", "x"]), WrongAudience, "wrong_audience", AUDIENCE),
    "for nobody": (own(aud=None), TokenRefused, "token_refused", "the ID token has no claim aud"),
    "without end": (own(exp=None), TokenRefused, "token_refused", "the ID token has no claim exp"),
    "without beginning": (own(nbf=None), TokenRefused, "token_refused", "the ID token has no claim nbf"),
    "without age": (own(iat=None), TokenRefused, "token_refused", "the ID token has no claim iat"),
    "without name": (own(jti=None), TokenRefused, "token_refused", "the ID token has no claim jti"),
    "expired": (
        own(exp=unix(-31)),
        TokenExpired,
        "token_expired",
        "the ID token expired 31 s ago; the job needs to ask for a new one",
    ),
    "of yesterday": (
        own(iat=unix(-86431)),
        TokenExpired,
        "token_expired",
        "the ID token is older than 24 hours; the job needs to ask for a new one",
    ),
    "not yet valid": (
        own(nbf=unix(31)),
        TokenRefused,
        "token_refused",
        "the ID token is not valid before 31 s from now; check both clocks",
    ),
    "of the future": (
        own(iat=unix(31)),
        TokenRefused,
        "token_refused",
        "the ID token was issued 31 s in the future; check both clocks",
    ),
    "of an issuer that is down": (
        down,
        ForgeUnavailable,
        "forge_unavailable",
        r"the keys of http://127.0.0.1:\d+ are not known: forge 'forge' answered 503 instead of 200",
    ),
}


def assert_untold(token: str, error: BaseException, logged: str) -> None:
    """None of the three parts is in the log, nor in the error or what it came from, however it is shown."""
    shown = [logged]
    cause: BaseException | None = error
    while cause is not None:
        shown += [str(cause), repr(cause), repr(vars(cause))]
        cause = cause.__cause__ or cause.__context__
    parts = [part for part in token.split(".") if part]
    assert len(parts) >= 2
    assert not [part for part in parts for text in shown if part in text]


@pytest.fixture
async def issuer() -> AsyncIterator[OidcIssuer]:
    async with oidc_issuer() as served:
        yield served


@pytest.fixture
async def verifier(issuer: OidcIssuer) -> AsyncIterator[TokenVerifier]:
    client = ForgeClient("forge", issuer.url, 60, CLOCK)
    yield TokenVerifier([issuer.settings(algorithms=BOTH)], client, CLOCK)
    await client.aclose()


@pytest.mark.parametrize(("forgery", "family", "code", "rule"), REFUSALS.values(), ids=REFUSALS)
async def test_a_bad_token_is_refused_with_the_rule(
    issuer: OidcIssuer,
    verifier: TokenVerifier,
    caplog: pytest.LogCaptureFixture,
    forgery: Forgery,
    family: type[GatewayError],
    code: str,
    rule: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    token = forgery(issuer)
    with pytest.raises(family, match=f"^{rule}$") as refusal, capture_logs() as logged:
        await verifier.verify(token)
    assert (type(refusal.value), refusal.value.code) == (family, code)
    assert_untold(token, refusal.value, caplog.text + str(logged))


@pytest.mark.parametrize(
    "name", ["no signature, and says so", "the public key as a secret", "lines for a key", "keys elsewhere", "too long"]
)
async def test_a_bad_header_is_refused_before_anybody_is_asked(
    issuer: OidcIssuer, verifier: TokenVerifier, name: str
) -> None:
    forgery, family, _, rule = REFUSALS[name]
    with pytest.raises(family, match=f"^{rule}$"):
        await verifier.verify(forgery(issuer))
    assert issuer.requests == []


async def test_the_tokens_around_the_edges_of_time_are_good(issuer: OidcIssuer, verifier: TokenVerifier) -> None:
    for edge in ({"exp": unix(-29)}, {"nbf": unix(29)}, {"iat": unix(29)}, {"iat": unix(-86429)}):
        assert await verifier.verify(issuer.sign(claims(issuer, **edge)))
