"""``dag auth``: the API keys of operators."""

import base64
import re
import secrets
from typing import Annotated

import typer

from dag_gateway.model.api_key import KEY_NAME, Role, hash_of_key

from .exits import ExitCode, WrongUsage
from .run import run

app = typer.Typer(help="API keys of operators.", no_args_is_help=True)

Name = Annotated[str, typer.Option("--name", help="Whose key it is; stands in the audit log.")]
Granted = Annotated[Role, typer.Option("--role", help="What it may do.")]

# So that scanners for leaked secrets know one when they see it.
_PREFIX = "dag_"
_RANDOM_BYTES = 32


@app.callback()
def _auth() -> None:
    """API keys of operators."""


@app.command("new-key")
def new_key(name: Name, role: Granted) -> None:
    """Make a key: printed on stdout, this once; its entry for the config file, on stderr."""
    run(lambda: _new_key(name, role))


def _new_key(name: str, role: Role) -> ExitCode:
    if not re.fullmatch(KEY_NAME, name):
        raise WrongUsage(f"--name: {name!r}: 1 to 63 letters, digits and ._@- are expected, a letter or digit first")
    key = _PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(_RANDOM_BYTES)).rstrip(b"=").decode()
    typer.echo(key)
    typer.echo(_entry(name, role, hash_of_key(key.encode())), err=True)
    return ExitCode.OK


def _entry(name: str, role: Role, digest: str) -> str:
    return (
        "The key is shown this once. Add its hash to the config file and restart the gateway:\n\n"
        "auth:\n"
        "  keys:\n"
        f'    - {{name: "{name}", role: {role}, sha256: "{digest}"}}'
    )
