"""A known_hosts file is read as ssh reads it."""

import base64
import subprocess
from pathlib import Path

import pytest

from dag_gateway.iac.known_hosts import HostKey, HostKeys, host_keys

BLOB = base64.b64encode(b"a key").decode()
KEY = HostKey("ssh-ed25519", b"a key")


@pytest.mark.parametrize(
    ("names", "host", "port"),
    [
        ("git.example.com", "git.example.com", 22),
        ("git.example.com", "GIT.example.com", 22),
        ("other.example.com,git.example.com", "git.example.com", 22),
        ("[git.example.com]:2222", "git.example.com", 2222),
        ("[::1]:2222", "::1", 2222),
        ("*.example.com", "git.example.com", 22),
        ("[*.example.com]:2222", "git.example.com", 2222),
        ("gi?.example.com", "git.example.com", 22),
    ],
)
def test_a_line_is_for_the_host_that_it_names(names: str, host: str, port: int) -> None:
    assert host_keys(f"{names} ssh-ed25519 {BLOB} a comment\n", host, port) == HostKeys((KEY,), ())


@pytest.mark.parametrize(
    "line",
    [
        f"other.example.com ssh-ed25519 {BLOB}",
        f"[git.example.com]:2222 ssh-ed25519 {BLOB}",
        f"git.example.com.evil.org ssh-ed25519 {BLOB}",
        f"gitXexample.com ssh-ed25519 {BLOB}",
        f"*.example.com,!git.example.com ssh-ed25519 {BLOB}",
        f"#git.example.com ssh-ed25519 {BLOB}",
        f"@cert-authority git.example.com ssh-ed25519 {BLOB}",
        "git.example.com ssh-ed25519",
        "git.example.com ssh-ed25519 no-base64",
        "|1|no-base64|either ssh-ed25519 " + BLOB,
        "",
    ],
)
def test_no_other_line_vouches_for_it(line: str) -> None:
    assert host_keys(line, "git.example.com", 22) == HostKeys((), ())


def test_a_revoked_key_is_told_apart() -> None:
    text = f"git.example.com ssh-ed25519 {BLOB}\n@revoked * ssh-ed25519 {BLOB}\n"
    assert host_keys(text, "git.example.com", 22) == HostKeys((KEY,), (KEY,))


def test_the_keys_of_a_host_come_in_the_order_of_the_file() -> None:
    other = base64.b64encode(b"another").decode()
    text = f"git.example.com ssh-rsa {other}\n\ngit.example.com ssh-ed25519 {BLOB}\n"
    assert host_keys(text, "git.example.com", 22).trusted == (HostKey("ssh-rsa", b"another"), KEY)


@pytest.mark.parametrize(("name", "port"), [("git.example.com", 22), ("[git.example.com]:2222", 2222)])
def test_names_that_ssh_keygen_hashed_are_found(tmp_path: Path, name: str, port: int) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    file = tmp_path / "known_hosts"
    file.write_text(f"{name} {key.with_suffix('.pub').read_text()}")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    text = file.read_text()
    assert name not in text
    assert len(host_keys(text, "git.example.com", port).trusted) == 1
    assert host_keys(text, "git.example.org", port).trusted == ()
