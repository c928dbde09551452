"""Everything that clients do to a gateway, all at once, for a given time."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import httpx

from dag_gateway.charts import pack
from tests.fakes.world import World, a_chart, chart_files

Act = Callable[[World, int], Awaitable[str]]


async def sound(running: World, number: int) -> str:
    """A chart with an image of its own, to its end."""
    return "sound chart: " + await _outcome(running, a_chart(f"1.27.{number}"), f"1.0.{number}")


async def unsound(running: World, number: int) -> str:
    """A chart that real Helm refuses."""
    broken = f"{{{{ .Values.a.b.c{number} }}}}".encode()
    chart = pack("web", chart_files() | {"templates/broken.yaml": broken})
    return "unsound chart: " + await _outcome(running, chart, f"2.0.{number}")


async def _outcome(running: World, chart: bytes, version: str) -> str:
    answer = await running.upload(chart, version)
    if answer.status_code != 200:
        return f"HTTP {answer.status_code}"
    record = await running.ended(answer.json()["deploymentId"])
    return str(record.get("reason") or record["status"])


async def stranger(running: World, number: int) -> str:
    """A job token that the forge does not know."""
    job = running.around.job()
    answer = await running.upload(a_chart(), f"3.0.{number}", job, jobToken="glcbt-unknown")
    return f"stranger: HTTP {answer.status_code}"


async def rubbish(running: World, number: int) -> str:
    """A body that is no form."""
    answer = await running.http.post(
        "/api/deploy", content=random.Random(number).randbytes(4096), headers={"Content-Type": "multipart/form-data"}
    )
    return f"rubbish: HTTP {answer.status_code}"


async def reader(running: World, number: int) -> str:
    """What is live now."""
    answer = await running.current(("chart", "values")[number % 2])
    return f"get/chart, get/values: HTTP {answer.status_code}"


async def passer_by(running: World, number: int) -> str:
    """A listener that leaves in the middle."""
    answer = await running.upload(a_chart("never-ready", replicas=1), f"4.0.{number}")
    if answer.status_code == 200:
        async with running.http.stream("GET", f"/api/deployments/{answer.json()['deploymentId']}/events") as stream:
            async for _ in stream.aiter_raw():
                break
    return f"passer-by: HTTP {answer.status_code}"


PAUSES: Mapping[Act, float] = {sound: 0.05, unsound: 0.2, stranger: 2.0, rubbish: 0.1, reader: 0.1, passer_by: 5.0}
"""Seconds between two of a kind: a mix is wanted, not the limit, and nothing that the door takes for an attack."""


async def everything(running: World, seconds: float) -> Counter[str]:
    """How often each outcome was met."""
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + seconds
    await asyncio.gather(*(_repeat(act, running, end, outcomes) for act in PAUSES))
    return outcomes


async def _repeat(act: Act, running: World, end: float, outcomes: Counter[str]) -> None:
    number = 0
    while time.monotonic() < end:
        number += 1
        try:
            outcomes[await act(running, number)] += 1
        except httpx.HTTPError as error:
            outcomes[f"{act.__name__}: {type(error).__name__}"] += 1
        await asyncio.sleep(PAUSES[act])
