"""JSON on stdout, whatever characters it can show."""

import json
import sys
from typing import Any

import typer


def echo_json(value: Any, *, indent: int | None = None) -> None:
    """Print ``value``."""
    typer.echo(json_text(value, sys.stdout.encoding, indent=indent))


def json_text(value: Any, encoding: str, *, indent: int | None = None) -> str:
    """Readable where ``encoding`` has all the characters; else with escapes, which mean the same (RFC 8259)."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text
