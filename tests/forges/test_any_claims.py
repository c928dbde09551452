"""Whatever an issuer signs, it is a proof or a refusal, and never anything else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dag_gateway.errors import Unverified
from dag_gateway.forges.claims_actions import forgejo_proof, github_proof
from dag_gateway.forges.claims_gitlab import gitlab_proof
from dag_gateway.forges.issuer import VerifiedClaims
from dag_gateway.forges.proof import Proof
from dag_gateway.model.identity import UnverifiedJob
from tests.fakes.forge_claims import forgejo_claims, github_claims, gitlab_claims

HOME = "https://forge.example.com"
JOB = UnverifiedJob(f"{HOME}/shop/web", "7", "token")

GOOD = {**gitlab_claims(), **github_claims(), **forgejo_claims()}

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(list(map(str, GOOD.values()))),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("prove", "good"),
    [(gitlab_proof, gitlab_claims()), (github_proof, github_claims()), (forgejo_proof, forgejo_claims())],
)
@given(changes=st.dictionaries(st.sampled_from(sorted(GOOD)), values, max_size=3))
def test_any_claims_prove_job_seven_or_are_refused(
    prove: Callable[..., Proof], good: dict[str, Any], changes: dict[str, Any]
) -> None:
    verified = VerifiedClaims(HOME, good | changes, "one", datetime(2030, 1, 1, tzinfo=UTC))
    try:
        proof = prove(verified, JOB, forge="forge", home=HOME)
    except Unverified:
        return
    assert proof.identity.job_id == "7"
    assert proof.identity.ref
    assert proof.repo_url.startswith(f"{HOME}/")
