"""Connecting and logging in over ssh: one key, host keys always checked, no agent, no password, every wait bounded."""

import socket
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.pkey import UnknownKeyType
from pydantic import SecretStr

from dag_gateway.config import SshAddress, SshRemote

from .known_hosts import HostKey, HostKeys, host_keys

_KEEPALIVE = 30
"""In seconds: firewalls forget connections that are silent for minutes."""

_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""An RSA key signs by these names (RFC 8332); all others by their own."""


class SshMisconfigured(Exception):
    """The settings can not work; the text names the setting, the rule and the way out, without paths."""


class KeyRefused(Exception):
    """The server does not let the key in."""

    def __init__(self, user: str) -> None:
        super().__init__(f"the key of ssh_key was refused for the user {user!r}")
        self.user = user


def login(remote: SshRemote) -> paramiko.Transport:
    """A connection that is ready for channels; closed by the caller.

    Raises SshMisconfigured, KeyRefused, and what paramiko and sockets raise when the server does not answer.
    """
    address = remote.address
    key = _private_key(remote.key, remote.passphrase)
    known = host_keys(_text_of(remote.known_hosts), address.host, address.port)
    with ExitStack() as undo:
        sock = socket.create_connection((address.host, address.port), timeout=remote.timeout)
        undo.callback(sock.close)
        _bound_writes(sock, remote.timeout)
        transport = paramiko.Transport(sock)
        undo.callback(transport.close)
        _greet(transport, known, remote.timeout)
        _check_host(transport.get_remote_server_key(), known, address)
        _authenticate(transport, address.user, key, remote.timeout)
        transport.set_keepalive(_KEEPALIVE)
        undo.pop_all()
    return transport


def _private_key(path: Path, password: SecretStr | None) -> paramiko.PKey:
    passphrase = password.get_secret_value().encode() if password else None
    try:
        return paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]  # cryptography below takes bytes only
    except OSError as error:
        raise SshMisconfigured(f"ssh_key can not be read: {error.strerror}") from error
    except TypeError as error:  # cryptography's way to say that the one is there without the other
        hint = "has no passphrase: leave password out" if password else "has a passphrase: give it as password"
        raise SshMisconfigured(f"the key of ssh_key {hint}") from error
    except (ValueError, UnsupportedAlgorithm, UnknownKeyType, paramiko.SSHException) as error:
        hint = "password is not its passphrase, or " if password else ""
        raise SshMisconfigured(
            f"ssh_key can not be used: {hint}it is no ed25519, ecdsa or rsa private key in OpenSSH or PEM format "
            "(ssh-keygen -p -f FILE converts it)"
        ) from error


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SshMisconfigured(f"known_hosts can not be read: {error.strerror}") from error


def _bound_writes(sock: socket.socket, timeout: float) -> None:
    """paramiko writes until it is done; the kernel gives up on a peer that takes nothing any more."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout * 1000))


def _greet(transport: paramiko.Transport, known: HostKeys, timeout: float) -> None:
    """Agree on a secret; a kind of host key that is known comes before all others."""
    # Twice: our own wait comes first, and says what was waited for.
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = 2 * timeout
    options = transport.get_security_options()
    wanted = {name for key in known.trusted for name in _SIGNATURES.get(key.kind, (key.kind,))}
    options.key_types = tuple(sorted(options.key_types, key=lambda name: name not in wanted))
    agreed = threading.Event()
    transport.start_client(agreed)
    if not agreed.wait(timeout):
        raise TimeoutError("no greeting in time")
    if not transport.is_active():
        raise transport.get_exception() or paramiko.SSHException("it hung up instead of a greeting")


def _check_host(key: paramiko.PKey, known: HostKeys, address: SshAddress) -> None:
    shown = HostKey(key.get_name(), key.asbytes())
    where = f"the host key {key.fingerprint} of {address.host} (port {address.port})"
    if shown in known.revoked:
        raise SshMisconfigured(f"{where} is revoked in known_hosts")
    if shown in known.trusted:
        return
    if known.trusted:
        raise SshMisconfigured(
            f"{where} is not the one in known_hosts: someone may be listening in; "
            "if the server was given a new key on purpose, put that into known_hosts"
        )
    raise SshMisconfigured(
        f"{where} is not in known_hosts: compare it with what the server's owner says, "
        f"then add the line that ssh-keyscan -p {address.port} {address.host} prints"
    )


def _authenticate(transport: paramiko.Transport, user: str, key: paramiko.PKey, timeout: float) -> None:
    """With an event of our own: paramiko's wait reports a lost connection as a refused key."""
    answered = threading.Event()
    transport.auth_publickey(user, key, answered)
    if not answered.wait(timeout):
        raise TimeoutError("no answer to the login in time")
    if transport.is_authenticated():
        return
    error = transport.get_exception()
    if isinstance(error, paramiko.AuthenticationException) or (error is None and transport.is_active()):
        raise KeyRefused(user) from error
    raise error or paramiko.SSHException("it hung up during the login: does it know the key of ssh_key?")
