"""Every threat in the documentation has a defence and a test that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
THREATS = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", PAGE.partition("## Threats")[2].partition("\n## ")[0], re.M)[
    2:
]


def test_the_table_of_threats_was_found() -> None:
    assert len(THREATS) > 20


@pytest.mark.parametrize(("threat", "defence", "tests"), THREATS)
def test_every_threat_has_a_defence_and_tests_that_are_there(threat: str, defence: str, tests: str) -> None:
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)`", tests)
    assert defence
    assert named, threat
    missing = [name for name in named if not (ROOT / name).is_file()]
    assert not missing
