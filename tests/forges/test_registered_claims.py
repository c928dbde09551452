"""For whom an ID token is, from when, until when, and what its name is."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dag_gateway.forges.issuer import Issuer, VerifiedClaims
from dag_gateway.forges.registered_claims import TokenExpired, WrongAudience, check_claims
from dag_gateway.forges.unverified_token import TokenRefused, UnverifiedToken
from tests.fakes.signed_tokens import unsigned_token

ISSUED = 1_800_000_000
CLAIMS = {
    "iss": "https://forge.example.com",
    "aud": "https://dag.example.com",
    "iat": ISSUED,
    "nbf": ISSUED,
    "exp": ISSUED + 300,
    "jti": "one",
}
ISSUER = Issuer(
    "forge", "https://forge.example.com", "https://forge.example.com/.well-known", "https://dag.example.com"
)
NAMELESS = Issuer("forge", ISSUER.issuer, ISSUER.discovery_url, ISSUER.audience, has_token_ids=False)


def checked(claims: dict[str, Any], now: float = ISSUED, issuer: Issuer = ISSUER) -> VerifiedClaims:
    """``now`` is a Unix time."""
    given = {name: value for name, value in claims.items() if value is not ...}
    token = UnverifiedToken.parse(unsigned_token({"alg": "RS256"}, given) + "signature")
    assert token is not None
    return check_claims(token, issuer, datetime.fromtimestamp(now, UTC))


def test_a_good_token_is_told() -> None:
    told = checked({**CLAIMS, "ref": "refs/heads/main"})
    assert (told.issuer, told.jti, told.claims["ref"]) == ("https://forge.example.com", "one", "refs/heads/main")


def test_the_claims_do_not_print() -> None:
    assert "refs/heads" not in repr(checked({**CLAIMS, "ref": "refs/heads/main"}))


@pytest.mark.parametrize("value", [..., None])
@pytest.mark.parametrize("name", ["aud", "exp", "iat", "nbf", "jti"])
def test_every_claim_is_required(name: str, value: Any) -> None:
    with pytest.raises(TokenRefused, match=f"^the ID token has no claim {name}$") as refusal:
        checked({**CLAIMS, name: value})
    assert refusal.value.code == "token_refused"


AUDIENCE = "https://dag.example.com"


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["https://other.example.com", AUDIENCE]])
def test_a_token_may_be_for_the_gateway_and_others(audience: Any) -> None:
    assert checked({**CLAIMS, "aud": audience}).jti == "one"


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example.com",
        "https://dag.example.com/",
        "https://DAG.example.com",
        "https://dag.example.com.evil.example.com",
        "",
        7,
        True,
        [],
        ["https://other.example.com"],
        [[AUDIENCE]],
        {AUDIENCE: 1},
    ],
)
def test_a_token_for_somebody_else_is_refused(audience: Any) -> None:
    with pytest.raises(
        WrongAudience,
        match=r"^the ID token is not made for this gateway: its claim aud must be 'https://dag.example.com', "
        r"which is the audience of forge 'forge'$",
    ) as refusal:
        checked({**CLAIMS, "aud": audience})
    assert refusal.value.code == "wrong_audience"


@pytest.mark.parametrize("late", [-29, 0, 29, 30, 30.9])
def test_the_clocks_may_differ_at_the_end(late: float) -> None:
    assert checked(CLAIMS, ISSUED + 300 + late).jti == "one"


@pytest.mark.parametrize(("late", "seconds"), [(31, 31), (31.9, 31), (3600, 3600)])
def test_an_expired_token_is_refused(late: float, seconds: int) -> None:
    problem = f"^the ID token expired {seconds} s ago; the job needs to ask for a new one$"
    with pytest.raises(TokenExpired, match=problem) as refusal:
        checked(CLAIMS, ISSUED + 300 + late)
    assert refusal.value.code == "token_expired"


@pytest.mark.parametrize("early", [29, 30])
def test_the_clocks_may_differ_at_the_start(early: int) -> None:
    assert checked(CLAIMS, ISSUED - early).jti == "one"


def test_a_token_is_not_valid_before_its_time() -> None:
    with pytest.raises(TokenRefused, match=r"^the ID token is not valid before 31 s from now; check both clocks$"):
        checked(CLAIMS, ISSUED - 31)


def test_a_token_of_the_future_is_refused() -> None:
    with pytest.raises(TokenRefused, match=r"^the ID token was issued 31 s in the future; check both clocks$"):
        checked({**CLAIMS, "nbf": 0}, ISSUED - 31)


def test_a_token_lives_no_longer_than_a_day() -> None:
    forever = {**CLAIMS, "exp": 2**40 - 1}
    assert checked(forever, ISSUED + 86400 + 30).jti == "one"
    problem = r"^the ID token is older than 24 hours; the job needs to ask for a new one$"
    with pytest.raises(TokenExpired, match=problem) as refusal:
        checked(forever, ISSUED + 86400 + 31)
    assert refusal.value.code == "token_expired"


@pytest.mark.parametrize("ends", [300, 86400 + 300])
def test_a_token_is_remembered_until_it_is_refused(ends: int) -> None:
    claims = {**CLAIMS, "exp": ISSUED + ends}
    expires = checked(claims).expires.timestamp()
    assert checked(claims, expires - 1).jti == "one"
    with pytest.raises(TokenExpired, match=r"^the ID token (expired|is older)"):
        checked(claims, expires)


@pytest.mark.parametrize("value", ["300", True, -1, 2**40, 10**400, 1e300, [ISSUED], {}])
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_a_time_is_a_number_of_seconds(name: str, value: Any) -> None:
    with pytest.raises(TokenRefused, match=f"^the claim {name} of the ID token is not a Unix time$"):
        checked({**CLAIMS, name: value})


def test_a_time_may_have_a_fraction() -> None:
    assert checked({**CLAIMS, "exp": ISSUED + 0.5}, ISSUED + 30).jti == "one"


@pytest.mark.parametrize("value", ["", 7, ["one"], "j" * 256, "one\n", "one\x00"])
def test_the_name_of_a_token_is_short_and_plain(value: Any) -> None:
    problem = r"^the claim jti of the ID token must be 1 to 255 printable characters$"
    with pytest.raises(TokenRefused, match=problem):
        checked({**CLAIMS, "jti": value})


def test_the_digest_names_a_token_where_its_issuer_does_not() -> None:
    nameless = {**CLAIMS, "jti": ...}
    first, again = checked(nameless, issuer=NAMELESS).jti, checked(nameless, ISSUED + 1, NAMELESS).jti
    other = checked({**nameless, "exp": ISSUED + 301}, issuer=NAMELESS).jti
    assert first == again != other
    assert (len(first), first.isalnum()) == (64, True)


def test_a_name_that_is_there_is_taken() -> None:
    assert checked(CLAIMS, issuer=NAMELESS).jti == "one"
