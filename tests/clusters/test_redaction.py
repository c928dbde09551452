import time
import timeit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dag_gateway.clusters.redact import REDACTED, quoted, redacted, without_tokens

SECRET = "s3cr3t-Value"
TOKEN = "aB3" + "dE4f" * 12

HIDDEN = [
    ("DB_PASSWORD={}", "DB_PASSWORD="),
    ("db.passwd: {}", "db.passwd: "),
    ("  - clientSecret: {} with words", "  - clientSecret: "),
    ('config is {{"password":"{}","user":"bob"}}', '"user":"bob"'),
    ('config is {{"password":"a\\"{}"}}', "config is"),
    ('Invalid value: "{{\\"token\\":\\"{}\\"}}": must be an object', "must be an object"),
    ("using apiKey='{}' for shop", "for shop"),
    ("access_key := {}", "access_key"),
    ("DB_PASS={}", "DB_PASS="),
    ("auths: registry: 'auth': {}", "auths: registry"),
    ('env: [{{"name":"DB_PASSWORD","value":"{}"}}]', "DB_PASSWORD"),
    ("config: {{User:shop Password:{} Port:1}}", "Port:1"),
    ("curl --token {} --retry 3", "--retry 3"),
    ("curl --api-key={} --retry 3", "--retry 3"),
    ("Authorization: Digest {}", "Authorization: "),
    ('{{"authorization": "Bearer {}", "host": "web"}}', '"host": "web"'),
    ("sent Bearer {} to api", "to api"),
    ("sent basic {}= to api", "to api"),
    ("dial postgres://shop:{}@db:5432/shop failed", "@db:5432/shop failed"),
    ("clone https://{}@git.example.com/shop", "@git.example.com/shop"),
    ("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\nlistening", "\nlistening"),
    ("starting\n-----BEGIN EC PRIVATE KEY-----\n{}\n", "starting\n"),
    ("{}==\n-----END RSA PRIVATE KEY-----\nlistening", "listening"),
]

MARKED = [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzaG9wIn0.c2lnbmF0dXJl",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_0123456789abcdefghij_ABCDEFGHIJ",
    "glpat-0123456789abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-0123456789-abcdef",
    "AIza" + "a1B" * 11 + "cd",
]

KEPT = [
    "web: 1/3 pods ready (0 of 3 updated)",
    'pod web-7d9f8c6b5-abcde (namespace shop), container app: CreateContainerConfigError: secret "db" not found',
    "couldn't find key password in Secret shop/db",
    "spec.tls[0].secretName: web-tls",
    "env[0].valueFrom.secretKeyRef: not found",
    "failed to fetch oauth token: unexpected status from GET request to https://auth.example.com/token?scope=x: 401",
    'MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found',
    "Basic authentication failed, bearer token missing",
    'Back-off pulling image "registry.example.com/shop/token-service:1.2.3"',
    'Failed to pull image "registry.example.com/secrets:1.2.3": not found',
    'pods "auth-token-0" is forbidden: exceeded quota: small',
    "pulling registry.example.com/web@sha256:" + "0a" * 32,
    "GitRepository is at commit=" + "c0ffee00" * 5,
    "c0ffee00" * 5,
    "glance-api-7d9f8c6b5-abcde is ready",
    "see https://example.com/a@b",
    "Access denied for user 'root'@'10.0.0.1' (using password: NO)",
    "log=/var/log/containers/web-7d9f8c6b5-abcde_shop_app-0123456789abcdef.log",
]


@pytest.mark.parametrize(("shape", "rest"), HIDDEN)
def test_what_looks_like_a_secret_value_is_taken_and_the_words_around_it_stay(shape: str, rest: str) -> None:
    secret = TOKEN if "PRIVATE KEY" in shape else SECRET
    told = redacted(shape.format(secret))

    assert secret not in told
    assert REDACTED in told
    assert rest in told


@pytest.mark.parametrize("token", MARKED)
def test_a_token_that_its_maker_marks_is_found_anywhere(token: str) -> None:
    assert redacted(f"refused <{token}> of web") == f"refused <{REDACTED}> of web"


@pytest.mark.parametrize("text", [f"DATA={TOKEN}", f'DATA="{TOKEN}==', f"before\n  {TOKEN}\nafter"])
def test_long_base64_is_taken_whatever_its_name(text: str) -> None:
    assert TOKEN not in redacted(text)


@pytest.mark.parametrize("text", KEPT)
def test_names_digests_and_explanations_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "auth-token: 1/3 pods ready (0 of 3 updated)",
        "authorization: being deleted; secret: not available",
        "pod basic (namespace shop), container bearer: ended, exit code 1",
    ],
)
def test_the_net_below_everything_leaves_the_names_of_workloads(text: str) -> None:
    assert without_tokens(text) == text


@pytest.mark.parametrize("token", MARKED)
def test_the_net_below_everything_holds_what_marks_itself(token: str) -> None:
    told = without_tokens(f"web: refused {token}, from https://shop:{token}@git.example.com, Bearer {token}")

    assert token not in told


def test_a_quotation_is_cut_and_redacted() -> None:
    assert quoted("x" * 985 + " TOKEN=" + "hunter2" * 9) == "x" * 985 + " TOKEN=" + REDACTED


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
SECRETS = st.text(LETTERS + "!#$%^*_.~+", min_size=6, max_size=60).map(lambda text: f"q9{text}")
SHAPES = st.sampled_from([shape for shape, _ in HIDDEN if "PRIVATE KEY" not in shape])
WORDS = st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), min_size=1, max_size=8).map(" ".join)


@settings(max_examples=60)
@given(SHAPES, SECRETS, WORDS, WORDS)
def test_no_secret_survives_in_any_shape_and_redacting_again_changes_nothing(
    shape: str, secret: str, before: str, after: str
) -> None:
    told = redacted(f"{before}\n{shape.format(secret)}\n{after}")

    assert secret not in told
    assert told.startswith(f"{before}\n")
    assert told.endswith(f"\n{after}")
    assert redacted(told) == told


@settings(max_examples=60)
@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789-/.,()", max_size=12), max_size=12).map(" ".join))
@example("")
def test_words_without_a_separator_are_never_taken(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("unit", ["secret", "pass_", "--secret-", "password=no,", "eyJaaaaaa-", "a\n"])
def test_the_time_for_a_text_grows_with_its_length_and_not_with_its_square(unit: str) -> None:
    def seconds(length: int) -> float:
        """The best of three, in time of this process: others run too."""
        text = (unit * length)[:length]
        return min(timeit.repeat(lambda: redacted(text), timer=time.process_time, number=1, repeat=3))

    assert seconds(32_000) < 80 * seconds(2_000), "16 times the text takes 16 times the time, or 256 times if quadratic"


@pytest.mark.parametrize("around", [("k." * 60, ""), ("", ".k" * 60), ("k." * 60, ".k" * 60)])
def test_a_secret_behind_a_name_as_long_as_they_come_is_taken(around: tuple[str, str]) -> None:
    name = "password".join(around)

    assert redacted(f"{name}: {SECRET} and more") == f"{name}: {REDACTED}"
    assert redacted(f"run --{name} {SECRET}".replace(".", "-")) == f"run --{name} {REDACTED}".replace(".", "-")
