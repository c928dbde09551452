"""Which url of an IaC repository takes which credentials; every wrong combination is told in one sentence."""

import pytest
from pydantic import ValidationError

from dag_gateway.config import RepositorySettings, SshAddress

SSH = {"ssh_key": "/etc/dag/key", "known_hosts": "/etc/dag/known_hosts"}
HTTPS = "https://git.example.com/iac.git"
SECRET = "s3cret-Token"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ssh://git@git.example.com/shop/iac.git", SshAddress("git", "git.example.com", 22, "/shop/iac.git")),
        ("ssh://git@git.example.com:2222/iac.git", SshAddress("git", "git.example.com", 2222, "/iac.git")),
        ("ssh://git@[::1]:2222/iac.git", SshAddress("git", "::1", 2222, "/iac.git")),
        ("ssh://git@git.example.com/~dag/iac.git", SshAddress("git", "git.example.com", 22, "~dag/iac.git")),
        ("ssh://d%40g@git.example.com/my%20iac.git", SshAddress("d@g", "git.example.com", 22, "/my iac.git")),
        ("git@git.example.com:shop/iac.git", SshAddress("git", "git.example.com", 22, "shop/iac.git")),
        ("git@git.example.com:/srv/iac.git", SshAddress("git", "git.example.com", 22, "/srv/iac.git")),
        ("git@[::1]:iac.git", SshAddress("git", "::1", 22, "iac.git")),
    ],
)
def test_an_ssh_url_is_read_as_git_reads_it(url: str, address: SshAddress) -> None:
    settings = RepositorySettings.model_validate({"url": url, **SSH})
    remote = settings.ssh()
    assert remote
    assert remote.address == address
    assert not settings.is_local


@pytest.mark.parametrize("url", ["/srv/git/iac.git", "iac.git", "./a:b", "/srv/a@b:c.git"])
def test_a_path_is_a_path(url: str) -> None:
    settings = RepositorySettings(url=url)
    assert settings.is_local
    assert settings.ssh() is None


@pytest.mark.parametrize("url", [HTTPS, "http://git.example.com:3000/iac.git"])
def test_a_web_address_is_neither(url: str) -> None:
    settings = RepositorySettings.model_validate({"url": url, "token": SECRET})
    assert not settings.is_local
    assert settings.ssh() is None


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"url": "git://git.example.com/iac.git"},
            "the scheme of the url is not supported; use https, http, ssh (in lower case) or a local path",
        ),
        ({"url": "https://me:pw@git.example.com/iac.git"}, "credentials do not belong into the url; use username and"),
        (
            {"url": "ssh://git:pw@git.example.com/iac.git", **SSH},
            "credentials do not belong into the url; the passphra",
        ),
        ({"url": "ssh://git@git.example.com:99999/iac.git", **SSH}, "the port of an ssh url is a number up to 65535"),
        (
            {"url": "ssh://git.example.com/iac.git", **SSH},
            "an ssh url names user, host and path, such as ssh://git@git",
        ),
        ({"url": "git.example.com:iac.git", **SSH}, "an ssh url names user, host and path, such as ssh://git@git"),
        ({"url": "ssh://git@git.example.com", **SSH}, "an ssh url names user, host and path, such as ssh://git@git"),
        ({"url": "git@git.example.com:", **SSH}, "an ssh url names user, host and path, such as ssh://git@git"),
        (
            {"url": "git@git.example.com:iac.git"},
            "an ssh url needs ssh_key and known_hosts: host keys are always check",
        ),
        ({"url": "git@git.example.com:iac.git", "ssh_key": "/k"}, "an ssh url needs ssh_key and known_hosts"),
        ({"url": "git@git.example.com:iac.git", "known_hosts": "/k"}, "an ssh url needs ssh_key and known_hosts"),
        (
            {"url": "git@git.example.com:iac.git", **SSH, "username": "me"},
            "an ssh url takes neither username nor token",
        ),
        ({"url": "git@git.example.com:iac.git", **SSH, "token": SECRET}, "an ssh url takes neither username nor token"),
        ({"url": HTTPS, "ssh_key": "/k"}, "ssh_key and known_hosts are for ssh urls only"),
        ({"url": HTTPS, "known_hosts": "/k"}, "ssh_key and known_hosts are for ssh urls only"),
        ({"url": "/srv/iac.git", **SSH}, "ssh_key and known_hosts are for ssh urls only"),
        ({"url": "/srv/iac.git", "token": SECRET}, "a token is for http and https urls only"),
        ({"url": HTTPS, "token": SECRET, "username": "me"}, "give either token, or username and password"),
        ({"url": HTTPS, "token": SECRET, "password": "pw"}, "give either token, or username and password"),
        ({"url": HTTPS, "token": f"{SECRET}\nX-Other: 1"}, "a token is one line of letters, digits and"),
        ({"url": HTTPS, "token": ""}, "a token is one line of letters, digits and"),
    ],
)
def test_a_wrong_combination_is_told_in_one_sentence(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError) as e:
        RepositorySettings.model_validate(settings)
    (problem,) = e.value.errors()
    assert problem["msg"].startswith(f"Value error, {sentence}")
    assert SECRET not in str(e.value)


def test_an_ssh_key_may_have_a_passphrase() -> None:
    settings = RepositorySettings.model_validate({"url": "git@git.example.com:iac.git", **SSH, "password": SECRET})
    remote = settings.ssh()
    assert remote
    assert remote.passphrase
    assert remote.passphrase.get_secret_value() == SECRET
    assert SECRET not in repr(remote)
