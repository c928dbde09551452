"""Which deployment an upload becomes: a new one, or one that was accepted before. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dag_gateway.errors import GatewayError
from dag_gateway.model.audit import AuditEntry
from dag_gateway.model.deployment import Deployment
from dag_gateway.model.event import News
from dag_gateway.model.identity import TokenUse

from .idempotency import AppKey, IdempotencyKey, same_content
from .identities import KnownUse, ShownToken, accepted_before

Content = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a verified job hands over. ``entry`` tells the audit log of it; ``shown`` is the ID token it came with."""

    deployment: Deployment
    archive: bytes = field(repr=False)
    news: News
    key: IdempotencyKey | None = None
    entry: AuditEntry | None = None
    shown: ShownToken | None = None

    @property
    def app_key(self) -> AppKey | None:
        return (self.deployment.app, self.key.key) if self.key else None


@dataclass(slots=True)
class Accepted:
    """What was accepted so far, by all that an upload can be known by: in the database, then in the batch itself.

    A deployment of number 0 is new. That of a token is None when it is pruned. The lists are what is to be written.
    """

    keys: dict[AppKey, tuple[str, Deployment]]
    uses: dict[TokenUse, tuple[KnownUse, Deployment | None]]
    unfinished: dict[Content, Deployment]
    new: list[Offer] = field(default_factory=list)
    new_keys: list[tuple[AppKey, str, Deployment]] = field(default_factory=list)
    new_uses: list[tuple[ShownToken, Deployment]] = field(default_factory=list)

    def deployment_of(self, offer: Offer) -> Deployment:
        """The one accepted before, or the new one. Raises TokenReplayed or KeyReused."""
        by_token, by_key = self._of_token(offer), self._of_key(offer)
        stored = by_token or by_key or self._of_content(offer)
        if stored is None:
            stored = self.unfinished[content(offer.deployment)] = offer.deployment
            self.new.append(offer)
        self._remember(offer, stored)
        return stored

    def _remember(self, offer: Offer, stored: Deployment) -> None:
        if offer.key and offer.app_key and offer.app_key not in self.keys:
            self.keys[offer.app_key] = offer.key.fingerprint, stored
            self.new_keys.append((offer.app_key, offer.key.fingerprint, stored))
        if offer.shown and offer.shown.use not in self.uses:
            self.uses[offer.shown.use] = KnownUse(offer.shown.purpose, stored.number), stored
            self.new_uses.append((offer.shown, stored))

    def _of_token(self, offer: Offer) -> Deployment | None:
        if offer.shown is None or offer.shown.use not in self.uses:
            return None
        known, deployment = self.uses[offer.shown.use]
        accepted_before(known, offer.shown)
        return deployment

    def _of_key(self, offer: Offer) -> Deployment | None:
        if offer.key is None or offer.app_key not in self.keys:
            return None
        fingerprint, deployment = self.keys[offer.app_key]
        same_content(fingerprint, offer.key)
        return deployment

    def _of_content(self, offer: Offer) -> Deployment | None:
        return self.unfinished.get(content(offer.deployment))


def content(deployment: Deployment) -> Content:
    """What makes two uploads the same: the same job hands over the same for the same environment and version."""
    identity = deployment.identity
    job = (identity.forge, identity.project, identity.job_id)
    return (deployment.app, deployment.environment, deployment.version, deployment.chart_digest, *job)


def settle(offers: Iterable[Offer], accepted: Accepted) -> Sequence[Deployment | Exception]:
    """The deployment of each offer, in order, or why it is refused."""
    return [_settled(offer, accepted) for offer in offers]


def _settled(offer: Offer, accepted: Accepted) -> Deployment | Exception:
    try:
        return accepted.deployment_of(offer)
    except GatewayError as refusal:
        return refusal
