"""Bad requests from a process of its own: so many, so many at once, from one address or many; prints their fate."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from itertools import cycle

from tests.fakes.door import RawClient, connected, form, job_fields, upload

_NOISE = 4096
_PATIENCE = 30.0


def bad_requests(seed: int) -> list[bytes]:
    """One of each kind: a wrong token, broken multipart, over the limit, not HTTP, a chart that is none."""
    dice = random.Random(seed)
    noise = dice.randbytes(_NOISE)
    return [
        upload(form(job_fields(jobToken="guess"), noise)),
        upload(form(job_fields(), noise)[: _NOISE // 2]),
        upload(b"--x" + noise),
        upload(b"", length=10**9),
        b"\x16\x03\x01" + noise,
        b"POST /api/get/values HTTP/1.1\r\nHost: dag\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[}",
        upload(form(job_fields(repoUrl="https://git.example.com/nobody/knows"), noise)),
    ]


async def attack(url: str, requests: int, at_once: int, addresses: int) -> Counter[str]:
    """How often each status was answered; ``closed`` for none."""
    waiting = iter([request for request, _ in zip(cycle(bad_requests(7)), range(requests), strict=False)])
    told: Counter[str] = Counter()

    async def one_after_the_other(source: str) -> None:
        for request in waiting:
            async with connected(url, source) as client:
                told[await _outcome(client, request)] += 1

    await asyncio.gather(*(one_after_the_other(f"127.1.0.{1 + number % addresses}") for number in range(at_once)))
    return told


async def _outcome(client: RawClient, request: bytes) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            await client.send(request)
            return str((await client.answer()).status)
    except (OSError, EOFError):
        return "closed"


def main() -> None:
    url, *numbers = sys.argv[1:]
    # Only what is accepted between the two lines was accepted under attack.
    print(flush=True)
    began = time.perf_counter()
    told = asyncio.run(attack(url, *map(int, numbers)))
    print(json.dumps({"seconds": time.perf_counter() - began, "told": told}))


if __name__ == "__main__":
    main()
