"""Durations, sizes and URLs as people write them in the config file."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from dag_gateway.model.identity import normal_repo_url

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)")
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a duration is written like 30s, 5m or 1h")
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a duration such as 30s, 5m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def _bytes(value: object) -> object:
    if isinstance(value, int):
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a size such as 20MiB, 512KiB or a number of bytes")
    return int(match[1]) * _BYTES[match[2]]


def _repo_url(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a repository URL is a string such as https://gitlab.example.com/group/project")
    return normal_repo_url(value)


Seconds = Annotated[
    float, BeforeValidator(_seconds), Field(gt=0), WithJsonSchema({"type": "string", "pattern": _DURATION.pattern})
]
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0), WithJsonSchema({"type": ["string", "integer"]})]
RepoUrl = Annotated[str, BeforeValidator(_repo_url)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
