"""One of those that `bench.accept` compares: what its uploads took, and the processor time of its process."""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.door import connected

AT_ONCE = 20


@dataclass(frozen=True)
class Figures:
    """Milliseconds, those of the processor per upload, and uploads per second."""

    p50: float
    p99: float
    cpu: float
    rate: float

    def cells(self) -> Sequence[str]:
        return [f"{figure:.1f}" for figure in (self.p50, self.p99, self.cpu, self.rate)]

    def times(self, least: "Figures") -> Sequence[str]:
        """How often ``least`` each figure is; the rate the other way round."""
        ratios = (self.p50 / least.p50, self.p99 / least.p99, self.cpu / least.cpu, least.rate / self.rate)
        return [f"{ratio:.2f}" for ratio in ratios]


@dataclass
class Side:
    """Seconds of each upload, and of each round uploads per second and processor seconds per upload."""

    name: str
    url: str
    process: int
    uploads: Iterator[bytes]
    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def round(self, requests: Sequence[bytes]) -> None:
        """Send the requests, so many at once. Raises RuntimeError when one is refused."""
        began, used, waiting = time.perf_counter(), cpu_seconds(self.process), iter(requests)
        await asyncio.gather(*(self._one_after_the_other(waiting) for _ in range(AT_ONCE)))
        self.rates.append(len(requests) / (time.perf_counter() - began))
        self.cpu.append((cpu_seconds(self.process) - used) / len(requests))

    async def _one_after_the_other(self, requests: Iterator[bytes]) -> None:
        async with connected(self.url) as client:
            for request in requests:
                began = time.perf_counter()
                await client.send(request)
                answer = await client.answer()
                self.seconds.append(time.perf_counter() - began)
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {answer.body!r}")

    def warmed_up(self) -> None:
        """Forget what was measured so far."""
        del self.seconds[:], self.rates[:], self.cpu[:]

    def figures(self) -> Figures:
        p99 = statistics.quantiles(self.seconds, n=100)[-1]
        p50, cpu = statistics.median(self.seconds), statistics.median(self.cpu)
        return Figures(1000 * p50, 1000 * p99, 1000 * cpu, statistics.median(self.rates))


def cpu_seconds(process: int) -> float:
    """Of all threads of a process, in user and system mode (proc(5), /proc/pid/stat)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
