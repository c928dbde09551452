"""The gateway as ``dag serve`` runs it, and a line with what the process holds for every line that it is given."""

import asyncio
import json
import os
import re
import sys
import threading
from pathlib import Path

from dag_gateway.app import create_app
from dag_gateway.cli.logs import configure_logs
from dag_gateway.cli.server import GatewayServer, gateway_server, listener_of
from dag_gateway.config import load


def held() -> dict[str, int]:
    """``resident`` in bytes, and how many tasks, threads and open files there are."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    if found is None:
        raise RuntimeError("/proc/self/status has no VmRSS")
    return {
        "resident": int(found[1]) * 1024,
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
    }


async def _answer(server: GatewayServer) -> None:
    """Until standard input ends, and the gateway with it."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    serving = asyncio.create_task(server.serve(sockets=[listener_of(_settings.server)]))
    await server.ready(serving)
    print(json.dumps({"url": server.url()}), flush=True)
    while await reader.readline():
        print(json.dumps(held()), flush=True)
    server.stop()
    await serving


if __name__ == "__main__":
    _settings = load(Path(sys.argv[1]))
    configure_logs()
    asyncio.run(_answer(gateway_server(create_app(_settings), _settings.server)))
