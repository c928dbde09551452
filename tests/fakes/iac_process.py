"""A gateway's IaC part as a process of its own, to be killed: ``python -m tests.fakes.iac_process URL DATA ID [many]``.

With ``many`` it publishes ``ID-0``, ``ID-1`` and so on without an end, each told on a line of its own; its cache is so
small that it is made anew all the time. The password is in ``IAC_PASSWORD``.
"""

import asyncio
import os
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

from dag_gateway.clock import SystemClock
from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Iac

from .iac_changes import deploy


def settings(url: str, **other: object) -> RepositorySettings:
    password = os.environ.get("IAC_PASSWORD")
    login = {"username": "dag", "password": password} if password else {}
    return RepositorySettings.model_validate({"url": url, **login, **other})


async def publish(iac: Iac, deployment_id: str) -> None:
    content = {"Chart.yaml": deployment_id.encode(), "noise": os.urandom(20_000)}
    deadline = SystemClock().now() + timedelta(seconds=60)
    await iac.publish("iac", None, deploy(deployment_id, files=content), deadline=deadline)


async def publish_once(url: str, data_dir: Path, deployment_id: str) -> None:
    async with Iac({"iac": settings(url)}, data_dir, SystemClock()) as iac:
        await publish(iac, deployment_id)


async def publish_many(url: str, data_dir: Path, life: str) -> None:
    async with Iac({"iac": settings(url, cache_limit=200_000)}, data_dir, SystemClock()) as iac:
        for number in count():
            await publish(iac, f"{life}-{number}")
            print(number, flush=True)


if __name__ == "__main__":
    work = publish_many if sys.argv[4:] == ["many"] else publish_once
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
