"""Shared tokens from the configuration, for forges without job identity and for development."""

import hmac
from hashlib import sha256

from dag_gateway.config import AppSettings, StaticSettings
from dag_gateway.errors import Unverified
from dag_gateway.model.identity import JobIdentity, RefKind, UnverifiedJob

from .proof import Proof


class StaticTokens:
    """Whoever knows the token of a branch is that branch. Job id and commit are not proven by it."""

    def __init__(self, name: str, settings: StaticSettings) -> None:
        self._name = name
        self._tokens = settings.tokens

    @property
    def takes(self) -> str:
        return "a token of its list"

    async def verify(self, job: UnverifiedJob, app: AppSettings) -> Proof:
        """Raises Unverified unless the token is that of exactly one branch of the app."""
        branches = self._branches(job.token, app.repo_url)
        if not branches:
            raise Unverified(f"jobToken is none of the tokens that forge {self._name!r} has for {app.repo_url}")
        if len(branches) > 1:
            raise Unverified(
                f"forge {self._name!r} has the same token for several branches of {app.repo_url} "
                f"({', '.join(branches)}); give each branch its own"
            )
        identity = JobIdentity(
            forge=self._name, project=app.repo_url, ref=branches[0], ref_kind=RefKind.BRANCH, job_id=job.job_id
        )
        return Proof(identity, repo_url=app.repo_url)

    async def is_protected(self, job: UnverifiedJob, identity: JobIdentity) -> None:
        """None: nobody is there to ask."""
        return

    def _branches(self, token: str, repo_url: str) -> list[str]:
        """Every digest is compared, in constant time: how long it takes says nothing of the right one."""
        digest = sha256(token.encode()).hexdigest()
        matches = [hmac.compare_digest(known.sha256, digest) for known in self._tokens]
        return [
            known.branch
            for known, match in zip(self._tokens, matches, strict=True)
            if match and known.repo_url == repo_url
        ]
