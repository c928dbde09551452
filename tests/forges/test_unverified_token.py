"""What an ID token looks like before anybody believes it, and what its header may say."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from dag_gateway.forges.issuer import Issuer
from dag_gateway.forges.unverified_token import LONGEST_TOKEN, TokenRefused, UnverifiedToken, key_id
from tests.fakes.signed_tokens import encoded, unsigned_token

HEADER = {"alg": "RS256", "typ": "JWT", "kid": "first"}
ISSUER = Issuer(
    "forge", "https://forge.example.com", "https://forge.example.com/.well-known", "https://dag.example.com"
)

NOT_A_NUMBER = '{"exp": NaN}'


def part(text: str) -> str:
    return encoded(text.encode())


def test_header_and_issuer_of_a_token_are_read() -> None:
    token = UnverifiedToken.parse(unsigned_token(HEADER, {"iss": "https://forge.example.com"}) + "c2lnbmVk")
    assert token is not None
    assert token.unverified_issuer == "https://forge.example.com"
    assert key_id(token, ISSUER) == "first"


@pytest.mark.parametrize("issuer", [None, 7, ["https://forge.example.com"], {"https://forge.example.com": 1}])
def test_an_issuer_that_is_no_text_is_nobody(issuer: Any) -> None:
    token = UnverifiedToken.parse(unsigned_token(HEADER, {"iss": issuer}))
    assert token is not None
    assert token.unverified_issuer == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "glcbt-64_Zm9vYmFy",
        "..",
        "a.b",
        "a.b.c",
        f"{part('{}')}.{part('{}')}",
        f"{part('{}')}.{part('{}')}.x.y.z",
        f"glcbt-{part('{}')}.{part('{}')}.x",
        f"{part('{}')}=.{part('{}')}.x",
        f"{part('{}')}\n.{part('{}')}.x",
        f"{part('[]')}.{part('{}')}.x",
        f"{part('{}')}.{part('null')}.x",
        f"{part('{')}.{part('{}')}.x",
        f"{part('{}')}.__79.x",
        f"{part('{}')}.{part(NOT_A_NUMBER)}.x",
        f"{part('{}')}.{part('[' * 9000)}.x",
        f"{part('{}')}.{part('9' * 9000)}.x",
    ],
)
def test_what_is_no_token_of_this_kind_is_left_to_others(text: str) -> None:
    assert UnverifiedToken.parse(text) is None


def test_a_token_may_be_as_long_as_the_limit() -> None:
    token = unsigned_token(HEADER, {"iss": "x"})
    padded = token + "A" * (LONGEST_TOKEN - len(token))
    assert UnverifiedToken.parse(padded) is not None
    with pytest.raises(TokenRefused, match=r"^the ID token is longer than 16384 characters$") as refusal:
        UnverifiedToken.parse(padded + "A")
    assert refusal.value.code == "token_refused"


def test_a_token_does_not_print() -> None:
    token = UnverifiedToken.parse(unsigned_token(HEADER, {"iss": "x"}))
    assert repr(token) == "UnverifiedToken()"


def refuses(header: dict[str, Any], rule: str, issuer: Issuer = ISSUER) -> None:
    token = UnverifiedToken.parse(unsigned_token(header, {}))
    assert token is not None
    with pytest.raises(TokenRefused, match=f"^{re.escape(rule)}$") as refusal:
        key_id(token, issuer)
    assert refusal.value.code == "token_refused"


@pytest.mark.parametrize(
    ("algorithm", "shown"),
    [
        ("none", "'none'"),
        ("None", "'None'"),
        ("", "something else"),
        ("HS256", "'HS256'"),
        ("HS512", "'HS512'"),
        ("RS512", "'RS512'"),
        ("PS256", "'PS256'"),
        ("ES256", "'ES256'"),
        ("ES256K", "'ES256K'"),
        ("EdDSA", "'EdDSA'"),
        ("rs256", "'rs256'"),
        ("RS256 ", "something else"),
        ("<script>", "something else"),
        ("A" * 21, "something else"),
        (None, "something else"),
        (["RS256"], "something else"),
        ({"RS256": 1}, "something else"),
        (256, "something else"),
    ],
)
def test_only_the_algorithms_of_the_issuer_count(algorithm: Any, shown: str) -> None:
    refuses({**HEADER, "alg": algorithm}, f"the ID token is signed with {shown}; forge 'forge' signs with RS256")


def test_a_missing_algorithm_is_none_of_them() -> None:
    refuses({"kid": "first"}, "the ID token is signed with something else; forge 'forge' signs with RS256")


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_no_configuration_lets_a_weak_algorithm_in(algorithm: str) -> None:
    weak = replace(ISSUER, algorithms=("RS256", algorithm))
    rule = f"the ID token is signed with '{algorithm}'; forge 'forge' signs with RS256"
    refuses({**HEADER, "alg": algorithm}, rule, weak)


@pytest.mark.parametrize(
    "kid",
    [None, "", 7, ["first"], {"first": 1}, "k" * 256, "first\n", "first\x00", "\x1b[31m", "clé", "\u202efirst"],
)
def test_the_name_of_a_key_is_short_and_plain(kid: Any) -> None:
    rule = "the ID token names no key: its kid must be 1 to 255 printable ASCII characters"
    refuses({**HEADER, "kid": kid}, rule)


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "https://evil.example.com/keys", "k" * 255])
def test_the_name_of_a_key_is_nothing_but_a_name(kid: str) -> None:
    token = UnverifiedToken.parse(unsigned_token({**HEADER, "kid": kid}, {}))
    assert token is not None
    assert key_id(token, ISSUER) == kid


@pytest.mark.parametrize("value", [["exp"], ["b64"], [], None, "b64"])
def test_no_extension_is_known(value: Any) -> None:
    rule = "the ID token has the header crit, and no extension that it could ask for is known here"
    refuses({**HEADER, "crit": value}, rule)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5c", "x5u"])
def test_a_token_does_not_bring_its_own_key(name: str) -> None:
    rule = f"the ID token brings its own key in the header {name}; keys come from the issuer alone"
    refuses({**HEADER, name: "https://evil.example.com"}, rule)


@pytest.mark.parametrize(
    ("kind", "shown"), [("at+jwt", "'at+jwt'"), ("JOSE", "'JOSE'"), (7, "something else"), (None, "something else")]
)
def test_a_token_of_another_type_is_no_id_token(kind: Any, shown: str) -> None:
    refuses({**HEADER, "typ": kind}, f"the token is of the type {shown}; only an ID token (JWT) counts")


def test_the_type_may_be_left_out() -> None:
    token = UnverifiedToken.parse(f"{part(json.dumps({'alg': 'RS256', 'kid': 'first'}))}.{part('{}')}.x")
    assert token is not None
    assert key_id(token, ISSUER) == "first"
