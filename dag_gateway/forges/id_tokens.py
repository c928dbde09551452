"""Jobs proven by an ID token: signed by their forge, so that nobody has to be asked."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from math import ceil

import structlog

from dag_gateway.clock import Clock
from dag_gateway.config import AppSettings
from dag_gateway.model.identity import JobIdentity, TokenUse, UnverifiedJob

from .claims import Claims, unknown_claims
from .fetch import ForgeClient
from .issuer import Issuer, VerifiedClaims
from .proof import Proof
from .tokens import TokenVerifier

_MOST_NAMES, _LONGEST_NAME = 50, 100
"""Of unknown claims, in the log: a project may have a say in what they are called."""

log = structlog.get_logger(__name__)


class IdTokens:
    """The ID tokens of one forge."""

    def __init__(
        self,
        issuer: Issuer,
        table: type[Claims],
        prove: Callable[[VerifiedClaims, UnverifiedJob], Proof],
        client: ForgeClient,
        clock: Clock,
    ) -> None:
        """``prove`` says what the claims of ``table`` prove, or raises Unverified; who opened ``client`` closes it."""
        self._issuer = issuer
        self._table = table
        self._prove = prove
        self._tokens = TokenVerifier([issuer], client, clock)
        self._noticed: set[str] = set()

    @property
    def takes(self) -> str:
        return f"an ID token of {self._issuer.issuer} for the audience {self._issuer.audience}"

    async def verify(self, job: UnverifiedJob, app: AppSettings) -> Proof | None:
        verified = await self._tokens.verify(job.token)
        if verified is None:
            return None
        self._notice(verified)
        return replace(self._prove(verified, job), use=_use(verified))

    async def is_protected(self, job: UnverifiedJob, identity: JobIdentity) -> None:
        """None: what a token does not say, it can not be asked."""
        return

    def _notice(self, verified: VerifiedClaims) -> None:
        """Tell, once, that a forge says more than this version understands: it may be of weight."""
        unknown = [name[:_LONGEST_NAME] for name in unknown_claims(self._table, verified.claims)]
        new = [name for name in unknown if name not in self._noticed][: _MOST_NAMES - len(self._noticed)]
        if new:
            self._noticed.update(new)
            log.info(
                "the ID tokens of a forge have claims that are not known here", forge=self._issuer.name, claims=new
            )


def _use(verified: VerifiedClaims) -> TokenUse:
    token_id = sha256(verified.jti.encode()).hexdigest()
    return TokenUse(verified.issuer, token_id, ceil(verified.expires.timestamp()))
