"""One forge of the configuration: the tokens it takes, asked in order, and the connections to it."""

from collections.abc import Sequence
from functools import partial

from dag_gateway.clock import Clock
from dag_gateway.config import (
    AppSettings,
    ForgejoSettings,
    ForgeSettings,
    GithubSettings,
    GitlabSettings,
    StaticSettings,
)
from dag_gateway.errors import Unverified
from dag_gateway.model.identity import UnverifiedJob

from .claims_actions import ForgejoClaims, GithubClaims, forgejo_proof, github_proof
from .claims_gitlab import GitlabClaims, gitlab_proof
from .fetch import ForgeClient
from .gitlab import JobTokens
from .id_tokens import IdTokens
from .issuer import forgejo_issuer, github_issuer, gitlab_issuer
from .proof import Proof, Witness
from .static import StaticTokens


class Forge:
    """Its witnesses share one client, so that they find out together when the forge is down."""

    def __init__(self, name: str, witnesses: Sequence[Witness], client: ForgeClient | None = None) -> None:
        self._name = name
        self._witnesses = witnesses
        self._client = client

    async def verify(self, job: UnverifiedJob, app: AppSettings) -> tuple[Witness, Proof]:
        """The proof and who gave it: the first that knows the token decides. Raises Unverified or ForgeUnavailable."""
        for witness in self._witnesses:
            proof = await witness.verify(job, app)
            if proof is not None:
                return witness, proof
        taken = ", or ".join(witness.takes for witness in self._witnesses)
        raise Unverified(f"jobToken is not of a kind that forge {self._name!r} takes, which is {taken}")

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def open_forge(name: str, settings: ForgeSettings, clock: Clock) -> Forge:
    """The forge of these settings; whoever opens it closes it."""
    if isinstance(settings, StaticSettings):
        return Forge(name, [StaticTokens(name, settings)])
    client = ForgeClient(name, settings.url, settings.timeout, clock)
    if isinstance(settings, GitlabSettings):
        return Forge(name, _gitlab(name, settings, client, clock), client)
    if isinstance(settings, GithubSettings):
        return Forge(name, [_github(name, settings, client, clock)], client)
    return Forge(name, [_forgejo(name, settings, client, clock)], client)


def _gitlab(name: str, settings: GitlabSettings, client: ForgeClient, clock: Clock) -> list[Witness]:
    jobs = JobTokens(name, client)
    if settings.audience is None:
        return [jobs]
    issuer = gitlab_issuer(name, settings.url, settings.audience, settings.issuer)
    prove = partial(gitlab_proof, forge=name, home=issuer.issuer.rstrip("/"))
    return [IdTokens(issuer, GitlabClaims, prove, client, clock), jobs]


def _github(name: str, settings: GithubSettings, client: ForgeClient, clock: Clock) -> Witness:
    issuer = github_issuer(name, settings.url, settings.audience, settings.issuer)
    prove = partial(github_proof, forge=name, home=settings.url.rstrip("/"))
    return IdTokens(issuer, GithubClaims, prove, client, clock)


def _forgejo(name: str, settings: ForgejoSettings, client: ForgeClient, clock: Clock) -> Witness:
    """Its issuer is ``api/actions`` below the URL that people know it by."""
    issuer = forgejo_issuer(name, settings.url, settings.audience, settings.issuer)
    prove = partial(forgejo_proof, forge=name, home=issuer.issuer.removesuffix("/api/actions"))
    return IdTokens(issuer, ForgejoClaims, prove, client, clock)
