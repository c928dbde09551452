"""The documentation has every route, setting, error code, reason, command and option; its links lead somewhere."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

import dag_gateway
from dag_gateway.cli.main import app
from dag_gateway.config import Config
from dag_gateway.errors import GatewayError
from dag_gateway.iac.metrics import GitMetrics
from dag_gateway.model.deployment import Status
from dag_gateway.model.reason import Reason
from dag_gateway.web.errors import STATUS
from dag_gateway.web.routes import ROUTES

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [route.path for route in ROUTES])
def test_every_route_is_documented(path: str) -> None:
    assert path in text("api.md")


@pytest.mark.parametrize("word", [*Status, *Reason])
def test_every_status_and_reason_is_documented(word: str) -> None:
    assert re.search(rf"`[^`]*\b{word}\b[^`]*`", text("api.md"))


def settings(model: type[BaseModel]) -> Iterator[str]:
    definitions = model.model_json_schema()["$defs"].values()
    yield from model.model_fields
    for definition in definitions:
        yield from definition.get("properties", {})


@pytest.mark.parametrize("key", sorted(set(settings(Config))))
def test_every_setting_is_documented(key: str) -> None:
    assert re.search(rf"\b{key}\b", text("configuration.md"))


def subclasses(family: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for child in family.__subclasses__():
        yield child
        yield from subclasses(child)


def answered_codes() -> set[str]:
    """The codes of all errors that belong to a family with a status, but the bare families and the client's own."""
    for module in pkgutil.walk_packages(dag_gateway.__path__, "dag_gateway."):
        if not re.search(r"migrations|__main__|simulator", module.name):
            importlib.import_module(module.name)
    return {
        error.code
        for error in subclasses(GatewayError)
        if any(issubclass(error, family) for family in STATUS if family.__name__ != "StepFailed")
        and not error.__module__.startswith(("dag_gateway.cli", "dag_gateway.clusters", "dag_gateway.simulator"))
    }


def metrics() -> list[str]:
    registry = CollectorRegistry()
    GitMetrics(registry)
    return [metric.name for metric in registry.collect()]


@pytest.mark.parametrize("metric", metrics())
def test_every_metric_is_documented(metric: str) -> None:
    assert re.search(rf"`{metric}(_total)?`", text("operating.md"))


NEVER_ANSWERED = {"conflict", "not_found", "unavailable", "helm_unavailable", "folder_replaced", "commit_missing"}
NEVER_ANSWERED |= {"forbidden", "too_many"}


def test_every_error_code_is_documented() -> None:
    documented = set(re.findall(r"`([a-z_]+)`", text("errors.md")))
    assert answered_codes() - NEVER_ANSWERED <= documented


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Path and command of every leaf; typer brings a click of its own, so the types are not click's."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from commands(child, f"{path} {name}")
    else:
        yield path, command


COMMANDS = dict(commands(typer.main.get_command(app), "dag"))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_and_its_options_are_documented(command: str) -> None:
    assert command in text("cli.md")
    for parameter in COMMANDS[command].params:
        if parameter.param_type_name == "option" and "--help" not in parameter.opts:
            assert f"`{parameter.opts[-1]}" in text("cli.md")


def test_the_commands_are_the_known_ones() -> None:
    assert len(COMMANDS) == 9


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
