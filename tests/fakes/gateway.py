"""A small gateway on loopback for the client's tests: it checks what it is sent, and fails when it is told to."""

import asyncio
import io
import json
import socket
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

DEPLOYMENT = "01890000-0000-7000-8000-000000000001"
JOB = {"repoUrl": "https://gitlab.example.com/shop/web", "jobId": "42", "jobToken": "s3cret-job-token"}


class Ending(Enum):
    """How a planned connection ends."""

    CLEAN = "clean"
    CUT = "cut"
    HANG = "hang"


@dataclass(frozen=True)
class Stream:
    """One connection to the event stream: its bytes, and how it ends."""

    content: bytes = b""
    ending: Ending = Ending.CLEAN
    status: int = 200
    media_type: str = "text/event-stream; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trouble:
    """A planned answer to any other call, instead of the real one."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Upload:
    """An upload as it arrived."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes]
    content: bytes
    key: str


@dataclass
class FakeGateway:
    """``streams``, ``troubles`` and ``record_troubles`` (of records only) are used up in order; without one the fake
    behaves."""

    url: str
    uploads: list[Upload] = field(default_factory=list)
    deployments: dict[str, bytes] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)
    last_ids: list[str | None] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    record_troubles: list[Trouble] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=lambda: {"id": DEPLOYMENT, "status": "deployed", "message": "ok"})
    chart: bytes = b"\x1f\x8bchart"
    values: Any = field(default_factory=lambda: {"replicas": 2})

    def reset(self) -> None:
        """As if it had just been started."""
        vars(self).update(vars(FakeGateway(self.url)))

    async def deploy(self, request: Request) -> Response:
        """POST /api/deploy."""
        async with request.form() as form:
            upload = await _upload(form, request.headers.get("idempotency-key", ""))
        self.uploads.append(upload)
        if trouble := self._trouble():
            return trouble
        missing = [name for name in (*JOB, "version") if not upload.fields.get(name)]
        if missing:
            return _error(400, "invalid_request", f"{missing[0]} is missing")
        if upload.fields["jobToken"] != JOB["jobToken"]:
            return _error(401, "unverified", "the job is not running")
        if self.deployments.setdefault(upload.key, upload.content) != upload.content:
            return _error(422, "idempotency_conflict", "the key was used for other content")
        return JSONResponse({"deploymentId": DEPLOYMENT})

    async def events(self, request: Request) -> Response:
        """GET /api/deployments/{id}/events."""
        self.last_ids.append(request.headers.get("last-event-id"))
        return _Streaming(self.streams.pop(0) if self.streams else Stream(status=204))

    async def recorded(self, request: Request) -> Response:
        """GET /api/deployments/{id}."""
        known = request.path_params["id"] == DEPLOYMENT
        trouble = self._trouble() or _next(self.record_troubles)
        return trouble or (JSONResponse(self.record) if known else _error(404, "not_found", "unknown"))

    async def get_chart(self, request: Request) -> Response:
        """POST /api/get/chart."""
        self.questions.append(await request.json())
        return self._trouble() or Response(self.chart, media_type="application/gzip")

    async def get_values(self, request: Request) -> Response:
        """POST /api/get/values."""
        self.questions.append(await request.json())
        return self._trouble() or JSONResponse(self.values)

    def _trouble(self) -> Response | None:
        return _next(self.troubles)


def _next(troubles: list[Trouble]) -> Response | None:
    if not troubles:
        return None
    planned = troubles.pop(0)
    return Response(planned.body, planned.status, dict(planned.headers))


def status_event(number: int, status: str, message: str = "", **more: Any) -> bytes:
    """A ``status`` event as the gateway writes it."""
    return _event("status", number, {"status": status, "message": message, **more})


def target_event(number: int, status: str, message: str = "", **more: Any) -> bytes:
    """A ``target`` event for ``production/shop/web``."""
    target = {"id": "production/shop/web", "status": status, "message": message, **more}
    return _event("target", number, {"target": target})


@contextmanager
def fake_gateway() -> Iterator[FakeGateway]:
    """A fake that answers on a port of its own, in a thread of its own, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = FakeGateway(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(_application(gateway), lifespan="off", log_config=None, log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield gateway
        finally:
            server.should_exit = True
            thread.join()


def unpacked(content: bytes) -> dict[str, bytes]:
    """The regular files of a .tgz: name -> content."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar if entry.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}


def _application(gateway: FakeGateway) -> Starlette:
    return Starlette(
        routes=[
            Route("/api/deploy", gateway.deploy, methods=["POST"]),
            Route("/api/get/chart", gateway.get_chart, methods=["POST"]),
            Route("/api/get/values", gateway.get_values, methods=["POST"]),
            Route("/api/deployments/{id}/events", gateway.events),
            Route("/api/deployments/{id}", gateway.recorded),
        ]
    )


async def _upload(form: FormData, key: str) -> Upload:
    chart = form["chart"]
    assert isinstance(chart, UploadFile), "the chart must be sent as a file"
    content = await chart.read()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return Upload(fields, unpacked(content), content, key)


def _event(name: str, number: int, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\r\nid: {number}\r\ndata: {json.dumps(data)}\r\n\r\n".encode()


def _error(status: int, code: str, text: str) -> Response:
    return JSONResponse({"error": text, "code": code}, status)


class _Cut(Exception):
    """Raised in the middle of a response, so that the server closes the connection without ending it."""


class _Streaming(Response):
    """A planned stream."""

    def __init__(self, plan: Stream) -> None:
        super().__init__(status_code=plan.status, media_type=plan.media_type, headers=dict(plan.headers))
        self._plan = plan
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._plan.content, "more_body": True})
        if self._plan.ending is Ending.CUT:
            raise _Cut
        if self._plan.ending is Ending.HANG:
            while (await receive())["type"] != "http.disconnect":
                pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})
