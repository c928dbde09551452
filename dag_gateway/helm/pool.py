"""Charts through real Helm: a few worker processes, started when needed, replaced when they fail."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from dag_gateway.model.reason import Reason, StepFailed

from .manifest import Rendered
from .process import HelmUnavailable, Worker, WorkerDied

_MIB = 1024 * 1024


class Helm:
    """An async context manager; leaving it waits for the calls under way and ends the processes.

    ``workers`` is how many charts are handled at the same time, two so that one that never ends does not hold up all
    others; ``timeout`` is the seconds for one of them, ``memory`` the bytes that a worker may take for it.
    """

    def __init__(self, workers: int = 2, timeout: float = 20.0, memory: int = 512 * _MIB) -> None:
        self._workers = workers
        self._timeout = timeout
        self._memory = memory
        self._slots = asyncio.Semaphore(workers)
        self._idle: list[Worker] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self._workers):
            await self._slots.acquire()
        while self._idle:
            await self._idle.pop().stop()

    async def check(
        self, archive: bytes, *, release: str, namespace: str, values: Mapping[str, Any] | None = None
    ) -> Rendered:
        """Lint, values schema and templates of a chart (.tgz), with ``values`` over the chart's own.

        Raises StepFailed: INVALID_CHART when it can not be loaded, does not pass the schema or has lint errors,
        RENDER_FAILED for errors in templates, over a limit, and when Helm crashes on it. HelmUnavailable when there
        is no working Helm, or no room for the chart below TMPDIR.
        """
        return await self._call(archive, _request(release, namespace, values, 1, lint=True))

    async def render(
        self,
        archive: bytes,
        *,
        release: str,
        namespace: str,
        values: Mapping[str, Any] | None = None,
        revision: int = 1,
    ) -> Rendered:
        """The same without lint. It is rendered as an installation, and as an upgrade from revision 2 on."""
        return await self._call(archive, _request(release, namespace, values, revision, lint=False))

    async def _call(self, archive: bytes, request: Mapping[str, Any]) -> Rendered:
        async with self._slots:
            try:
                answer = await self._attempt(archive, request, fresh=False)
            except WorkerDied:
                # It may have been the process, not the chart: an earlier leak, the OOM killer. A new one decides.
                answer = await self._last_attempt(archive, request)
        if "unavailable" in answer:
            raise HelmUnavailable(f"Helm has no room for the chart in its folder below TMPDIR: {answer['unavailable']}")
        if "failed" in answer:
            raise StepFailed(Reason(answer["failed"]["reason"]), answer["failed"]["message"])
        return Rendered.from_json(answer["rendered"])

    async def _attempt(self, archive: bytes, request: Mapping[str, Any], *, fresh: bool) -> dict[str, Any]:
        async with self._lent(fresh) as worker:
            try:
                async with asyncio.timeout(self._timeout):
                    return await worker.call(request, archive)
            except TimeoutError as error:
                limit = f"the chart does not render within {self._timeout:g} s; simplify its templates"
                raise StepFailed(Reason.RENDER_FAILED, limit) from error

    async def _last_attempt(self, archive: bytes, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return await self._attempt(archive, request, fresh=True)
        except WorkerDied as error:
            what = f"Helm crashes on the chart: {error}"
            if error.out_of_memory:
                what = f"the chart takes more than {self._memory // _MIB} MiB of memory to render; simplify it"
            raise StepFailed(Reason.RENDER_FAILED, what) from error

    @asynccontextmanager
    async def _lent(self, fresh: bool) -> AsyncIterator[Worker]:
        """A worker for one call. It comes back only from a call that ended well; nobody knows what another does."""
        worker = await Worker.start(self._memory) if fresh or not self._idle else self._idle.pop()
        try:
            yield worker
        except BaseException:
            await worker.stop()
            raise
        self._idle.append(worker)


def _request(
    release: str, namespace: str, values: Mapping[str, Any] | None, revision: int, *, lint: bool
) -> dict[str, Any]:
    told = {"release": release, "namespace": namespace, "values": dict(values or {})}
    return {**told, "revision": revision, "lint": lint}
