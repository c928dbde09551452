"""ID tokens: who may sign them, and what a good one says."""

from collections.abc import Sequence

from dag_gateway.clock import Clock

from .fetch import ForgeClient
from .issuer import Issuer, VerifiedClaims
from .jwks import check_signature
from .keys import IssuerKeys
from .registered_claims import check_claims
from .unverified_token import UnverifiedToken, key_id


class TokenVerifier:
    """Checks ID tokens of the given issuers, and of nobody else."""

    def __init__(self, issuers: Sequence[Issuer], client: ForgeClient, clock: Clock) -> None:
        """``client`` asks the issuers for their keys; who opened it closes it."""
        self._clock = clock
        self._issuers = {issuer.issuer: (issuer, IssuerKeys(issuer, client, clock)) for issuer in issuers}

    async def verify(self, token: str) -> VerifiedClaims | None:
        """What the token says. None when it is not one of these issuers', or no ID token at all: ask the next.

        Raises TokenRefused with the broken rule, ForgeUnavailable when the issuer's keys are not to be had.
        """
        unverified = UnverifiedToken.parse(token)
        if unverified is None or unverified.unverified_issuer not in self._issuers:
            return None
        issuer, keys = self._issuers[unverified.unverified_issuer]
        check_signature(unverified, await keys.key(key_id(unverified, issuer)))
        return check_claims(unverified, issuer, self._clock.now())
