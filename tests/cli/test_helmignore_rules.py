"""``.helmignore``: our rules beside those of real Helm."""

from pathlib import Path

import helm_python
import pytest

from dag_gateway.cli.helmignore import BadRule, rules_of
from dag_gateway.cli.package import read_folder
from tests.fakes.gateway import unpacked

FILES = [
    "a.bak",
    "docs/a.bak",
    "docs/guide.md",
    "docs/deep/guide.md",
    "templates/.hidden",
    "templates/app.yaml",
    "templates/deep/.kept",
    "README.md",
    "abc.txt",
    "axc.txt",
    "a-c.txt",
    "a[c.txt",
    "secret/key",
    "tests/x/secret/key",
    "[x]",
    "k",
]


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "# a comment\n\n  *.bak  \n",
        "docs",
        "docs/",
        "README.md/",
        "/docs/guide.md",
        "docs/*.md",
        "/*.md",
        "docs/*",
        "secret",
        "secret/",
        "/secret",
        "a?c.txt",
        "a[bx]c.txt",
        "a[^b]c.txt",
        "a[a-z]c.txt",
        r"a[\-]c.txt",
        r"a\[c.txt",
        r"\[x\]",
        "!*.yaml",
        "!docs/\n",
        "[j-l]",
        "*",
    ],
)
def test_a_folder_is_packed_with_the_files_that_helm_would_pack(rules: str, chart: Path, tmp_path: Path) -> None:
    for name in FILES:
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text("x")
    (chart / ".helmignore").write_text(rules)
    try:
        packed = unpacked(Path(helm_python.package(chart, destination=tmp_path)).read_bytes())
    except helm_python.HelmError:
        # Nothing left to pack: Helm finds no Chart.yaml then.
        assert "Chart.yaml" not in read_folder(chart)
    else:
        assert set(read_folder(chart)) == {name.removeprefix("web/") for name in packed}


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ("**/x", r"'\*\*/x': '\*\*' is not supported in .helmignore"),
        ("a[b", r"'a\[b': a '\[' without its '\]', or a backslash at the end, in .helmignore"),
        ("a\\", "a backslash at the end, in .helmignore"),
        ("a[]", "without its"),
        ("[z-a]", "bad character range z-a in .helmignore"),
    ],
)
def test_a_rule_that_helm_refuses_is_named(rules: str, text: str) -> None:
    with pytest.raises(BadRule, match=text):
        rules_of(rules)
