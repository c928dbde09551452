"""A gateway's IaC part as a process of its own, to be killed: ``python -m tests.fakes.iac_process URL DATA ID``."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from dag_gateway.clock import SystemClock
from dag_gateway.config import RepositorySettings
from dag_gateway.iac import Iac

from .iac_changes import deploy


async def publish_once(url: str, data_dir: Path, deployment_id: str) -> None:
    clock = SystemClock()
    settings = RepositorySettings(url=url)
    async with Iac({"iac": settings}, data_dir, clock) as iac:
        await iac.publish("iac", None, deploy(deployment_id), deadline=clock.now() + timedelta(seconds=60))


if __name__ == "__main__":
    asyncio.run(publish_once(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
