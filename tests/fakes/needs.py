"""Tests that need a program that not every machine has."""

import os
import shutil

import pytest


def needs(program: str) -> pytest.MarkDecorator:
    """Skip, saying what is missing; in CI, where everything is installed, a missing program is a failure."""
    missing = shutil.which(program) is None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(missing, reason=f"{program} is missing: install it to run this test")
