"""What stands between a gateway and a repository over ssh: host keys, the key, and what the server says no to."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dag_gateway.config import RepositorySettings
from dag_gateway.errors import GatewayError
from dag_gateway.iac import RemoteUnavailable
from dag_gateway.iac.border import Border
from dag_gateway.iac.transport import open_transport
from dag_gateway.model.reason import Reason, StepFailed
from tests.fakes.needs import needs
from tests.fakes.skipping_clock import SkippingClock
from tests.fakes.ssh_git import SSHD, USER, SshServer, make_key, serving_ssh

pytestmark = needs(SSHD)


@pytest.fixture
def sshd(bare: Path, tmp_path: Path) -> Iterator[SshServer]:
    with serving_ssh(bare.parent, tmp_path / "ssh") as server:
        yield server


def ask(settings: RepositorySettings) -> list[bytes]:
    """The branches of the repository."""
    border = Border("iac", settings, SkippingClock())
    with closing(open_transport(settings, border)) as transport, border.crossed(), transport.client() as client:
        return sorted(client.get_refs(transport.path).refs)


def refused(settings: RepositorySettings) -> StepFailed:
    with pytest.raises(StepFailed) as e:
        ask(settings)
    assert str(settings.ssh_key) not in e.value.message
    return e.value


def test_a_host_that_nobody_vouched_for_is_not_spoken_to(sshd: SshServer) -> None:
    sshd.known_hosts.write_text("")
    error = refused(sshd.settings())
    assert error.reason is Reason.CONFIG_ERROR
    with pytest.raises(StepFailed, match=r"^the IaC repository 'iac' can not be reached: the host key SHA256:\S+ of "):
        raise error
    assert f"127.0.0.1 (port {sshd.port}) is not in known_hosts: compare it with" in error.message
    assert error.message.endswith(f"then add the line that ssh-keyscan -p {sshd.port} 127.0.0.1 prints")
    assert sshd.commands() == []


def test_a_host_with_another_key_is_not_spoken_to(sshd: SshServer, tmp_path: Path) -> None:
    sshd.trust(make_key(tmp_path / "former").with_suffix(".pub"))
    error = refused(sshd.settings())
    assert error.reason is Reason.CONFIG_ERROR
    assert f"127.0.0.1 (port {sshd.port}) is not the one in known_hosts: someone may be listening in" in error.message


def test_a_revoked_host_key_is_not_spoken_to(sshd: SshServer) -> None:
    trusted = sshd.known_hosts.read_text()
    sshd.known_hosts.write_text(f"{trusted}@revoked {trusted}")
    error = refused(sshd.settings())
    assert error.reason is Reason.CONFIG_ERROR
    assert error.message.endswith("is revoked in known_hosts")


def test_a_host_key_may_be_the_second_of_its_kind_in_the_file(sshd: SshServer, tmp_path: Path) -> None:
    current = sshd.known_hosts.read_text()
    sshd.trust(make_key(tmp_path / "former").with_suffix(".pub"))
    sshd.known_hosts.write_text(sshd.known_hosts.read_text() + current)
    assert ask(sshd.settings()) == [b"HEAD", b"refs/heads/main"]


def test_the_kind_of_host_key_that_is_known_is_asked_for(bare: Path, tmp_path: Path) -> None:
    rsa = make_key(tmp_path / "rsa", "rsa")
    with serving_ssh(bare.parent, tmp_path / "ssh", more=f"HostKey {rsa}") as sshd:
        sshd.trust(rsa.with_suffix(".pub"))
        assert ask(sshd.settings()) == [b"HEAD", b"refs/heads/main"]


def test_a_key_that_the_server_does_not_know_is_refused(sshd: SshServer, tmp_path: Path) -> None:
    error = refused(sshd.settings(ssh_key=make_key(tmp_path / "stranger")))
    assert error.reason is Reason.PUSH_REJECTED
    assert error.message == (
        f"the IaC repository 'iac' refused the key of ssh_key for the user '{USER}': add its public half there, "
        "with the right to write, or name another key"
    )


def test_a_server_that_hangs_up_on_a_wrong_key_may_just_be_in_trouble(bare: Path, tmp_path: Path) -> None:
    with serving_ssh(bare.parent, tmp_path / "ssh", more="MaxAuthTries 1") as sshd:
        settings = sshd.settings(ssh_key=make_key(tmp_path / "stranger"))
        with pytest.raises(RemoteUnavailable, match=r"it hung up during the login: does it know the key of ssh_key\?$"):
            ask(settings)


def test_a_server_that_opens_no_channel_at_all_is_temporary(bare: Path, tmp_path: Path) -> None:
    with serving_ssh(bare.parent, tmp_path / "ssh", more="MaxSessions 0") as sshd:
        with pytest.raises(RemoteUnavailable, match=r"the IaC repository 'iac' does not answer: .*Connect failed"):
            ask(sshd.settings())
        sshd.wait_for_the_end()


def test_a_server_that_hangs_up_instead_of_a_greeting_is_temporary(sshd: SshServer) -> None:
    (sshd.folder / "sshd_config").write_text("this is no configuration\n")
    with pytest.raises(RemoteUnavailable, match="the IaC repository 'iac' does not answer: Error reading SSH protocol"):
        ask(sshd.settings())


@pytest.mark.parametrize(
    ("kind", "passphrase"), [("ed25519", "pass phrase"), ("ecdsa", ""), ("rsa", ""), ("rsa", "pass phrase")]
)
def test_every_kind_of_key_opens_with_and_without_a_passphrase(
    sshd: SshServer, tmp_path: Path, kind: str, passphrase: str
) -> None:
    key = make_key(tmp_path / "key", kind, passphrase)
    (sshd.folder / "authorized_keys").write_bytes(key.with_suffix(".pub").read_bytes())
    assert ask(sshd.settings(ssh_key=key, password=passphrase or None)) == [b"HEAD", b"refs/heads/main"]


@pytest.mark.parametrize(
    ("passphrase", "password", "text"),
    [
        ("pass phrase", "wrong", "ssh_key can not be used: password is not its passphrase, or it is no ed25519, ecdsa"),
        ("pass phrase", None, "the key of ssh_key has a passphrase: give it as password"),
        ("", "wrong", "the key of ssh_key has no passphrase: leave password out"),
    ],
)
def test_a_key_that_does_not_open_is_a_mistake_in_the_config(
    sshd: SshServer, tmp_path: Path, passphrase: str, password: str | None, text: str
) -> None:
    key = make_key(tmp_path / "key", passphrase=passphrase)
    error = refused(sshd.settings(ssh_key=key, password=password))
    assert error.reason is Reason.CONFIG_ERROR
    assert f"the IaC repository 'iac' can not be reached: {text}" in error.message
    assert sshd.connections == 0


def test_what_is_no_key_is_a_mistake_in_the_config(sshd: SshServer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    error = refused(sshd.settings(ssh_key=tmp_path / "key"))
    assert error.reason is Reason.CONFIG_ERROR
    assert "ssh_key can not be used: it is no ed25519, ecdsa or rsa private key in OpenSSH or PEM" in error.message


@pytest.mark.parametrize(("setting", "file"), [("ssh_key", "user_key"), ("known_hosts", "known_hosts")])
def test_a_file_that_is_not_there_is_a_mistake_in_the_config(sshd: SshServer, setting: str, file: str) -> None:
    (sshd.folder / file).unlink()
    error = refused(sshd.settings())
    assert error.reason is Reason.CONFIG_ERROR
    assert error.message == (
        f"the IaC repository 'iac' can not be reached: {setting} can not be read: No such file or directory"
    )


def test_a_repository_that_is_not_there_is_a_mistake_in_the_config(sshd: SshServer) -> None:
    error = refused(sshd.settings("other.git"))
    assert error.reason is Reason.CONFIG_ERROR
    assert error.message == (
        "the IaC repository 'iac' was not found at its url (fatal: '(path)' does not appear to be a git repository): "
        "check the url, and that the credentials may see it"
    )


@pytest.mark.parametrize(
    ("said", "reason", "shown"),
    [
        ("ERROR: Repository not found.", Reason.CONFIG_ERROR, "url (ERROR: Repository not found.): check the url"),
        (
            "ERROR: Permission to shop/iac.git denied to deploy key",
            Reason.PUSH_REJECTED,
            "does not let the key of ssh_key do this (ERROR: Permission to shop/iac.git denied to deploy key): give",
        ),
    ],
)
def test_what_a_forge_says_before_it_hangs_up_reaches_the_user(
    sshd: SshServer, said: str, reason: Reason, shown: str
) -> None:
    sshd.run_instead(f"echo '{said}' >&2; exit 1")
    error = refused(sshd.settings())
    assert error.reason is reason
    assert shown in error.message


def test_what_comes_as_a_packet_of_the_protocol_is_read_too(sshd: SshServer) -> None:
    sshd.run_instead("printf '001eERR Repository not found.\\n'")
    error = refused(sshd.settings())
    assert error.reason is Reason.CONFIG_ERROR
    assert "was not found at its url (Repository not found.): check the url" in error.message


def unavailable(settings: RepositorySettings) -> GatewayError:
    with pytest.raises(RemoteUnavailable) as e:
        ask(settings)
    return e.value


def test_what_nobody_understands_is_temporary_and_told_without_secrets(sshd: SshServer, tmp_path: Path) -> None:
    sshd.run_instead("echo 'pass-Phrase: disk of /srv/git is full' >&2; exit 1")
    key = make_key(tmp_path / "key", passphrase="pass-Phrase")
    (sshd.folder / "authorized_keys").write_bytes(key.with_suffix(".pub").read_bytes())
    error = unavailable(sshd.settings(ssh_key=key, password="pass-Phrase"))
    assert error.message == "the IaC repository 'iac' does not answer: ***: disk of (path) is full"


def test_a_flood_on_the_error_stream_is_cut_short(sshd: SshServer) -> None:
    sshd.run_instead("yes flooded | head -c 1000000 >&2; exit 1")
    assert len(unavailable(sshd.settings()).message) < 1100


def test_an_end_without_a_word_is_temporary(sshd: SshServer) -> None:
    sshd.run_instead("exit 1")
    error = unavailable(sshd.settings())
    assert error.message == (
        "the IaC repository 'iac' does not answer: The remote server unexpectedly closed the connection."
    )
