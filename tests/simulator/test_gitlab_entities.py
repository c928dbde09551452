"""The simulated GitLab's search, and what its jobs keep to themselves."""

import pytest

from dag_gateway.simulator.gitlab import SimulatedGitlab
from dag_gateway.simulator.gitlab_entities import search_names


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("", ["Main", "dev", "domain", "main"]),
        ("MAIN", ["Main", "main", "domain"]),
        ("^ma", ["Main", "main"]),
        ("ev$", ["dev"]),
        ("d*n", ["domain"]),
        ("a.n", []),
    ],
)
def test_the_search_puts_the_exact_name_first(term: str, found: list[str]) -> None:
    assert search_names(["main", "dev", "domain", "Main"], term) == found


def test_a_token_does_not_print() -> None:
    gitlab = SimulatedGitlab()
    gitlab.add_project("shop/web", branches={})
    job = gitlab.add_job("shop/web", ref="main")
    assert job.token not in repr(job)
