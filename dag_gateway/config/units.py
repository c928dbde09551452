"""Durations, sizes and URLs as people write them in the config file."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from dag_gateway.model.identity import normal_repo_url

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_CENTURY = 36_500 * 86_400.0
"""Seconds; a moment that is farther away can not be told by a calendar."""
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|GiB)")
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a duration is written like 30s, 5m, 1h or 90d")
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a duration such as 30s, 5m, 1h or 90d")
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


def _network(value: object) -> object:
    try:
        return ip_network(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a network such as 10.0.0.0/8 or 2001:db8::/32, or one address") from None


def _workflow(value: str) -> str:
    file, _, ref = value.rpartition("@")
    if not file or not ref or any(character in file for character in "*?["):
        raise ValueError(
            f"{value!r} is not a workflow such as shop/web/.github/workflows/deploy.yml@refs/heads/main; "
            "* may stand behind the last @ only"
        )
    return value


Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(gt=0, le=_CENTURY),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern}),
]
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0), WithJsonSchema({"type": ["string", "integer"]})]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network), WithJsonSchema({"type": "string"})]
RepoUrl = Annotated[str, BeforeValidator(_repo_url)]
WorkflowPattern = Annotated[str, Field(max_length=1024), AfterValidator(_workflow)]
Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=255)]
"""Of an app, an environment or a forge: kept with each deployment, in a column of that length."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
