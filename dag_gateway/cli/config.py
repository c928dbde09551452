"""``dag config``: check the config file, print its schema."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exits import ExitCode

if TYPE_CHECKING:
    from dag_gateway.config import Config

app = typer.Typer(help="The config file.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", envvar="DAG_CONFIG", help="The config file.")]


def read_config(path: Path) -> "Config":
    """The settings; all their problems on stderr and exit code 2 when they can not be used."""
    from dag_gateway.config import BadConfig, load

    try:
        return load(path)
    except BadConfig as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(ExitCode.WRONG_USAGE) from None


@app.command()
def check(config: ConfigFile) -> None:
    """Report everything that is wrong with the config file."""
    settings = read_config(config)
    environments = sum(len(settings_of.environments) for settings_of in settings.apps.values())
    typer.echo(f"{config}: ok, {len(settings.apps)} app(s), {environments} environment(s)")


@app.command()
def schema() -> None:
    """Print the JSON schema of the config file, for editors."""
    from dag_gateway.config import Config

    typer.echo(json.dumps(Config.model_json_schema(), indent=2))
