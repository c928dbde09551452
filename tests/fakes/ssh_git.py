"""A real sshd on loopback that gives git to whoever has the key, one process per connection."""

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from dag_gateway.config import RepositorySettings

_PROGRAMS = os.pathsep.join((os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"))
SSHD = shutil.which("sshd", path=_PROGRAMS) or "sshd"
"""For ``needs``: daemons are often not in the PATH of an ordinary user."""

USER = pwd.getpwuid(os.getuid()).pw_name

_CONFIG = """\
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
ForceCommand {folder}/command
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
SetEnv SHLVL=2
{more}
"""
# SHLVL: or bash as the user's shell takes the connection for a login and reads the .bashrc of this machine.
_GIT = 'exec env HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 git shell -c "$SSH_ORIGINAL_COMMAND"'

_PATIENCE = 60.0


@dataclass
class SshServer:
    """Serves the bare repositories below ``root``; ``folder`` has its keys. ``connections`` counts those over TCP,
    ``sessions`` are their sshd processes."""

    root: Path
    folder: Path
    port: int = 0
    connections: int = 0
    sessions: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def user_key(self) -> Path:
        return self.folder / "user_key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def settings(self, name: str = "iac.git", **other: object) -> RepositorySettings:
        """How a gateway is told to reach one of the repositories."""
        url = f"ssh://{USER}@127.0.0.1:{self.port}{self.root / name}"
        known = {"url": url, "ssh_key": self.user_key, "known_hosts": self.known_hosts}
        return RepositorySettings.model_validate({**known, **other})

    def commands(self) -> list[str]:
        """What was run, and with which GIT_PROTOCOL, such as ``git-upload-pack version=2``; then starts anew."""
        log = self.folder / "commands"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [" ".join((line.split()[0], *line.split("|")[1:])).strip() for line in lines]

    def run_instead(self, script: str) -> None:
        """Answer every command with a shell script; empty: with git again."""
        note = f'echo "$SSH_ORIGINAL_COMMAND|$GIT_PROTOCOL" >> {shlex.quote(str(self.folder / "commands"))}'
        command = self.folder / "command"
        command.write_text(f"#!/bin/sh\n{note}\ncd {shlex.quote(str(self.root))}\n{script or _GIT}\n")
        command.chmod(0o755)

    def trust(self, host_key: Path) -> None:
        """Write a known_hosts file that vouches for this public key."""
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host_key.read_text()}")

    def signal(self, number: signal.Signals) -> None:
        """Send it to every connection's process."""
        for session in self.sessions:
            with suppress(ProcessLookupError):
                os.killpg(session.pid, number)

    def drop_connections(self) -> None:
        """As a restart of the server does."""
        self.signal(signal.SIGKILL)
        self.wait_for_the_end()

    def wait_for_the_end(self) -> None:
        """Until every connection is closed; fails when one stays open."""
        for session in self.sessions:
            session.wait(_PATIENCE)


@contextmanager
def serving_ssh(root: Path, folder: Path, more: str = "AcceptEnv GIT_PROTOCOL") -> Iterator[SshServer]:
    """Serve the bare repositories below ``root``; ``more`` are further lines of its configuration."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd of root insists on it
    server = SshServer(root, folder)
    folder.mkdir()
    make_key(folder / "host_key")
    make_key(server.user_key)
    shutil.copy(server.user_key.with_suffix(".pub"), folder / "authorized_keys")
    (folder / "sshd_config").write_text(_CONFIG.format(folder=folder, more=more))
    server.run_instead("")
    with socket.create_server(("127.0.0.1", 0)) as door, (folder / "log").open("wb") as log:
        server.port = door.getsockname()[1]
        server.trust(folder / "host_key.pub")
        thread = threading.Thread(target=_accept, args=(door, server, log.fileno()))
        thread.start()
        try:
            yield server
        finally:
            door.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            thread.join()
            server.drop_connections()


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair; the public half has ``.pub`` at the end of its name."""
    size = ["-b", "2048"] if kind == "rsa" else []
    rounds = ["-a", "1"] if passphrase else []
    command = ["ssh-keygen", "-q", "-t", kind, *size, *rounds, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def _accept(door: socket.socket, server: SshServer, log: int) -> None:
    """As inetd does: sshd is given the connection as its standard input and output."""
    command = [SSHD, "-i", "-e", "-f", str(server.folder / "sshd_config")]
    while True:
        try:
            connection, _ = door.accept()
        except OSError:
            return
        with connection:
            server.connections += 1
            ends = connection.fileno()
            server.sessions.append(
                subprocess.Popen(command, stdin=ends, stdout=ends, stderr=log, start_new_session=True)
            )
