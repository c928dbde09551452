"""A real smart-HTTP git server on loopback: ``git http-backend`` behind a small CGI door, with faults on demand."""

import base64
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from dag_gateway.config import RepositorySettings

from .git_cli import ENVIRONMENT

PUSH = "git-receive-pack"
FETCH = "git-upload-pack"
REFS = "info/refs"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request to ``service`` (PUSH, FETCH or REFS).

    ``before`` runs before git gets the request, ``after`` when git has done its work and the answer is not sent yet.
    With ``status`` (and ``location``) git never sees the request; with ``drop`` git does its work and the connection
    is closed instead of answered; ``cut`` keeps only so many bytes of the answer.
    """

    service: str = PUSH
    status: int | None = None
    text: str = ""
    content_type: str = "text/plain"
    location: str = ""
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    drop: bool = False
    cut: int | None = None


@dataclass
class GitServer:
    """``faults`` are used up one by one, each by the next request to its service, and ``always`` says what goes wrong
    with all others; ``requests`` and ``authorizations`` list what came, over so many ``connections``."""

    root: Path
    username: str | None = None
    password: str | None = None
    token: str | None = None
    faults: list[Fault] = field(default_factory=list)
    always: Callable[[str], Fault] = Fault
    requests: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def settings(self, name: str = "iac.git", **other: object) -> RepositorySettings:
        """How a gateway is told to reach one of the repositories."""
        known = {"url": self.url(name), "username": self.username, "password": self.password, "token": self.token}
        return RepositorySettings.model_validate({**known, **other})

    def fault_for(self, service: str) -> Fault:
        for fault in self.faults:
            if fault.service == service:
                self.faults.remove(fault)
                return fault
        return self.always(service)

    def lets_in(self, authorization: str | None) -> bool:
        if self.token is not None:
            return authorization == f"Bearer {self.token}"
        if self.username is None:
            return True
        expected = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return authorization == f"Basic {expected}"


@contextmanager
def serving_git(
    root: Path, username: str | None = None, password: str | None = None, token: str | None = None
) -> Iterator[GitServer]:
    """Serve the bare repositories below ``root``; with ``username`` or ``token`` only to who knows it."""
    server = GitServer(root, username, password, token)
    door = ThreadingHTTPServer(("127.0.0.1", 0), type("Door", (_Door,), {"server_state": server}))
    door.daemon_threads = True
    server.port = door.server_address[1]
    thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        door.shutdown()
        door.server_close()
        thread.join()


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: GitServer
    timeout = 30
    wbufsize = -1  # head and body in one packet, or Nagle's algorithm makes every answer wait
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server_state.connections += 1

    def do_GET(self) -> None:
        self._serve(REFS, b"")

    def do_POST(self) -> None:
        self._serve(urlsplit(self.path).path.rsplit("/", 1)[-1], self._body())

    def log_message(self, format: str, *args: object) -> None:
        """The tests look at ``GitServer.requests``."""

    def _serve(self, service: str, body: bytes) -> None:
        state = self.server_state
        state.requests.append(service)
        state.authorizations.append(self.headers.get("Authorization"))
        if not state.lets_in(self.headers.get("Authorization")):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        fault = state.fault_for(service)
        if fault.status is not None:
            headers = {"Content-Type": fault.content_type, "Location": fault.location}
            self._answer(fault.status, headers, fault.text.encode())
            return
        if fault.before:
            fault.before()
        status, headers, answer = self._git(body)
        if fault.after:
            fault.after()
        if fault.drop:
            self.close_connection = True
            return
        self._answer(status, headers, answer[: fault.cut])

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _git(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(self.path)
        environment = ENVIRONMENT | {
            "GIT_PROJECT_ROOT": str(self.server_state.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "anyone",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=True)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        return int(headers.pop("Status", "200").split()[0]), headers, answer

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status, HTTPStatus(status).phrase)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
