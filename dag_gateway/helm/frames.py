"""What the gateway and a worker say to each other: a JSON header and raw bytes, each with its length before it."""

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import IO, Any

_LENGTHS = struct.Struct(">II")

LONGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer's header; a release that is larger does not fit into Kubernetes by far."""


def frame(header: Mapping[str, Any], blob: bytes = b"") -> bytes:
    """Raises ValueError when ``header`` holds what JSON has not."""
    encoded = json.dumps(header, allow_nan=False).encode()
    return _LENGTHS.pack(len(encoded), len(blob)) + encoded + blob


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Header and bytes of the next frame, None when the other side is gone, in the middle of a frame too."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, blob_length = _LENGTHS.unpack(lengths)
    header, blob = stream.read(header_length), stream.read(blob_length)
    if len(header) + len(blob) < header_length + blob_length:
        return None
    return json.loads(header), blob


async def receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The header of an answer. Raises EOFError when the worker is gone, or says more than the longest answer."""
    header_length, blob_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if header_length > LONGEST_ANSWER or blob_length:
        raise EOFError(f"an answer of {header_length} and {blob_length} bytes is none of ours")
    answer: dict[str, Any] = json.loads(await reader.readexactly(header_length))
    return answer
