"""A git server as people run it: nginx, fcgiwrap and ``git http-backend``, on loopback and without root."""

import base64
import hashlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from urllib.parse import quote

from dag_gateway.config import RepositorySettings

from .git_cli import ENVIRONMENT, git

_PROGRAMS = os.pathsep.join((os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"))
NGINX = shutil.which("nginx", path=_PROGRAMS) or "nginx"
"""For ``needs``: daemons are often not in the PATH of an ordinary user."""
FCGIWRAP = shutil.which("fcgiwrap", path=_PROGRAMS) or "fcgiwrap"

_WORKERS = 8
_BACKLOG = 512  # a full backlog of a unix socket is an error at once, and nginx answers 502
_PATIENCE = 20.0
# Below the ports that Linux gives to outgoing connections: none of those can take it while nginx is down.
_PORTS = range(20_000, 32_000)

_CONFIG = Template("""\
daemon off;
master_process off;
pid "$folder/nginx.pid";
events { worker_connections 512; }
http {
    log_format requests '$$request_method $$uri $$status $$http_user_agent';
    access_log "$folder/access.log" requests;
    client_body_temp_path "$folder/body";
    fastcgi_temp_path "$folder/fastcgi";
    proxy_temp_path "$folder/proxy";
    scgi_temp_path "$folder/scgi";
    uwsgi_temp_path "$folder/uwsgi";
    client_max_body_size 0;
    keepalive_requests 1000000;
    server {
        listen 127.0.0.1:$port;
        $auth
        location / {
            fastcgi_pass "unix:$folder/fcgi.sock";
            fastcgi_request_buffering on;
            fastcgi_read_timeout 120s;
            $parameters
        }
    }
}
""")


@dataclass
class NginxGit:
    """``start`` returns once it listens, also after ``kill`` and then on the same port."""

    root: Path
    folder: Path
    port: int
    username: str | None = None
    password: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def url_with_password(self, name: str) -> str:
        """As the git command line takes it."""
        login = f"{quote(self.username)}:{quote(self.password or '')}@" if self.username else ""
        return self.url(name).replace("://", f"://{login}", 1)

    def settings(self, name: str = "iac.git", **other: object) -> RepositorySettings:
        """How a gateway is told to reach one of the repositories."""
        known = {"url": self.url(name), "username": self.username, "password": self.password}
        return RepositorySettings.model_validate({**known, **other})

    def requests(self) -> list[str]:
        """``POST /iac.git/git-receive-pack 200 git/2.39.5`` for every one that is finished; the last is who asked."""
        return (self.folder / "access.log").read_text().splitlines()

    def start(self) -> None:
        command = [NGINX, "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", "nginx.conf"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        limit = time.monotonic() + _PATIENCE
        while not _listens(self.port):
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"nginx did not start: {(self.folder / 'error.log').read_text()}")
            time.sleep(0.005)

    def kill(self) -> None:
        """kill -9."""
        assert self.process
        self.process.kill()
        self.process.wait()


@contextmanager
def serving_with_nginx(root: Path, *, username: str | None = None, password: str | None = None) -> Iterator[NginxGit]:
    """Serve the bare repositories that are directly below ``root`` now, also for pushes and for fetches without
    blobs, as the large forges do; with ``username`` only to who knows it."""
    for repository in root.glob("*.git"):
        git(repository, "config", "http.receivepack", "true")
        git(repository, "config", "uploadpack.allowFilter", "true")
    with tempfile.TemporaryDirectory(prefix="nginx-") as folder:
        server = NginxGit(root, Path(folder), _free_port(), username, password)
        _write_config(server)
        with _running_git(server.folder / "fcgi.sock"):
            server.start()
            try:
                yield server
            finally:
                server.kill()


@contextmanager
def _running_git(path: Path) -> Iterator[None]:
    """Workers of fcgiwrap at one socket that listens already; what they run ends with them, for want of a reader."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen(_BACKLOG)
        workers = [subprocess.Popen([FCGIWRAP], stdin=door.fileno()) for _ in range(_WORKERS)]
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _write_config(server: NginxGit) -> None:
    auth = ""
    if server.username is not None:
        digest = base64.b64encode(hashlib.sha1((server.password or "").encode()).digest()).decode()
        (server.folder / "users").write_text(f"{server.username}:{{SHA}}{digest}\n")
        auth = f'auth_basic "git"; auth_basic_user_file "{server.folder / "users"}";'
    values = {"folder": server.folder, "port": server.port, "auth": auth, "parameters": _parameters(server.root)}
    (server.folder / "nginx.conf").write_text(_CONFIG.substitute(values))


def _parameters(root: Path) -> str:
    """The variables of CGI, and those of gitprotocol-http(5) and git-http-backend(1)."""
    variables = {
        "SCRIPT_FILENAME": f"{git(root, '--exec-path')}/git-http-backend",
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": "$http_git_protocol",
        "PATH_INFO": "$uri",
        "QUERY_STRING": "$args",
        "REQUEST_METHOD": "$request_method",
        "CONTENT_TYPE": "$content_type",
        "CONTENT_LENGTH": "$content_length",
        "REMOTE_USER": "$remote_user",
        "REMOTE_ADDR": "$remote_addr",
        "SERVER_PROTOCOL": "$server_protocol",
        **{name: ENVIRONMENT[name] for name in ("PATH", "HOME", "GIT_CONFIG_NOSYSTEM")},
    }
    return "\n            ".join(f'fastcgi_param {name} "{value}";' for name, value in variables.items())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
