"""Small files, small functions, telling names: kept by a machine."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "dag_gateway"
MODULES = sorted(PACKAGE.rglob("*.py"))
NO_NAMES = {"utils", "helpers", "common", "base", "manager", "core"}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_has_one_idea(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= 400, "over 400 lines"
    assert path.stem not in NO_NAMES, "the name says nothing"
    assert ast.get_docstring(ast.parse(source)), "it does not say what it is for"
    if "migrations" not in path.parts:
        long = [f"{node.name} has {lines(node)} lines" for node in functions(path) if lines(node) > 50]
        assert not long


def test_functions_are_short_on_the_whole() -> None:
    sizes = sorted(lines(node) for path in MODULES for node in functions(path))
    assert sizes[len(sizes) // 2] <= 12, "the median function grows"


def test_the_environment_is_read_in_two_places_only() -> None:
    readers = {
        path.relative_to(PACKAGE).parts[0]
        for path in MODULES
        if re.search(r"\benviron\b|\bgetenv\b", path.read_text(encoding="utf-8"))
    }
    assert readers <= {"config", "cli"}
