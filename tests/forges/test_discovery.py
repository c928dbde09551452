"""Where an issuer may send the gateway for its keys, and how long they are good."""

import pytest

from dag_gateway.forges.answer import ForgeUnavailable
from dag_gateway.forges.discovery import Discovery, keys_url, lifetime
from dag_gateway.forges.issuer import Issuer

OUTER = "https://gitlab.example.com"


def issuer(asked: str = OUTER) -> Issuer:
    return Issuer("forge", OUTER, f"{asked}/.well-known/openid-configuration", "https://dag.example.com")


@pytest.mark.parametrize(
    ("asked", "jwks_uri"),
    [
        (OUTER, "https://gitlab.example.com/oauth/discovery/keys"),
        (OUTER, "https://GitLab.example.com:443/keys?all=1"),
        ("https://gitlab.internal", "https://gitlab.internal/keys"),
        ("https://gitlab.internal", "https://gitlab.example.com/keys"),
        ("http://gitlab.internal:8080", "http://gitlab.internal:8080/keys"),
        ("http://gitlab.internal:8080", "https://gitlab.example.com/keys"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/keys"),
    ],
)
def test_keys_may_be_on_the_host_of_the_issuer_or_the_one_that_was_asked(asked: str, jwks_uri: str) -> None:
    assert keys_url(Discovery(issuer=OUTER, jwks_uri=jwks_uri), issuer(asked)) == jwks_uri


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "https://evil.example.com/keys",
        "https://gitlab.example.com.evil.example.com/keys",
        "https://gitlab.example.com:8443/keys",
        "https://gitlab.example.com@evil.example.com/keys",
        "https://evil@gitlab.example.com/keys",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "//gitlab.example.com/keys",
        "/keys",
        "https://gitlab.example.com/keys#part",
        "https://gitlab.example.com/keys\r\nHost: evil",
        "https://gitlab.example.com:99999/keys",
        "https://gitlab.example.com:0/keys",
        "https://[::1/keys",
        "",
    ],
)
def test_keys_anywhere_else_are_not_read(jwks_uri: str) -> None:
    with pytest.raises(
        ForgeUnavailable,
        match=r"^the jwks_uri .* of forge 'forge' is on another host; its keys are only read from the host of "
        r"https://gitlab.example.com/.well-known/openid-configuration or https://gitlab.example.com$",
    ) as failure:
        keys_url(Discovery(issuer=OUTER, jwks_uri=jwks_uri), issuer())
    assert failure.value.code == "forge_unavailable"


@pytest.mark.parametrize("jwks_uri", ["http://gitlab.example.com:443/keys", "http://gitlab.internal:443/keys"])
def test_keys_are_read_over_https_where_the_configuration_has_https(jwks_uri: str) -> None:
    with pytest.raises(ForgeUnavailable, match=r"^the jwks_uri .* of forge 'forge' is not https; "):
        keys_url(Discovery(issuer=OUTER, jwks_uri=jwks_uri), issuer("https://gitlab.internal"))


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_keys_of_this_machine_may_be_read_over_http(name: str) -> None:
    jwks_uri = f"http://{name}:443/keys"
    assert keys_url(Discovery(issuer=OUTER, jwks_uri=jwks_uri), issuer(f"https://{name}")) == jwks_uri


@pytest.mark.parametrize(
    "told",
    [
        "https://evil.example.com",
        "https://gitlab.example.com/",
        "http://gitlab.example.com",
        "https://GITLAB.example.com",
        "",
    ],
)
def test_the_document_of_another_issuer_is_not_believed(told: str) -> None:
    with pytest.raises(
        ForgeUnavailable,
        match=rf"^https://gitlab.example.com/.well-known/openid-configuration is the document of the issuer '{told}', "
        r"but the issuer of forge 'forge' is 'https://gitlab.example.com'; set the forge's url or issuer accordingly$",
    ):
        keys_url(Discovery(issuer=told, jwks_uri=f"{OUTER}/keys"), issuer())


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 3600),
        ("no-store", 3600),
        ("max-age=7200", 7200),
        ("public, Max-Age=7200, must-revalidate", 7200),
        ("max-age=0", 300),
        ("max-age=999999999", 86400),
        ("max-age=99999999999", 3600),
        ("max-age=٣٠٠٠٠", 3600),
        ("s-maxage=7200", 3600),
        ("x-max-age=7200", 3600),
    ],
)
def test_keys_are_kept_as_long_as_the_issuer_says_within_reason(header: str, seconds: float) -> None:
    assert lifetime(header) == seconds
