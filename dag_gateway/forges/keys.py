"""The keys of one issuer: read when they are needed, kept while they are good, and for a while when it is down."""

import asyncio
import math
from dataclasses import dataclass

import structlog

from dag_gateway.clock import Clock

from .answer import Answer, ForgeUnavailable, document
from .discovery import DISCOVERY, keys_url, lifetime
from .fetch import ForgeClient
from .issuer import Issuer
from .jwks import JWKS, KeySet, SigningKey, UnusableKey, key_set
from .unverified_token import TokenRefused

log = structlog.get_logger(__name__)

_LARGEST_DOCUMENT = 512 * 1024
"""Bytes; GitHub's keys are about 10 KiB, with the certificates in them."""

_BETWEEN_READINGS = 30.0
"""Seconds, while there are keys: a token can name any key, and must not make the gateway ask for each."""

_GRACE = 24 * 3600.0
"""Seconds that keys outlive their freshness while the issuer is down. By then it could have withdrawn them."""


@dataclass(frozen=True, slots=True)
class _Read:
    """Keys, and when they were read on a monotonic clock; times are in seconds."""

    keys: KeySet
    at: float
    lifetime: float

    def is_fresh(self, now: float) -> bool:
        return now - self.at < self.lifetime

    def is_usable(self, now: float) -> bool:
        return now - self.at < self.lifetime + _GRACE


class IssuerKeys:
    """Looks up one issuer's keys. Whoever comes while they are being read waits for that reading."""

    def __init__(self, issuer: Issuer, client: ForgeClient, clock: Clock) -> None:
        self._issuer = issuer
        self._client = client
        self._clock = clock
        self._reading = asyncio.Lock()
        self._readings = 0
        self._last_tried = -math.inf
        self._problem: ForgeUnavailable | None = None
        self._read: _Read | None = None

    async def key(self, key_id: str) -> SigningKey:
        """The issuer's key of that name.

        Raises TokenRefused when the issuer has no such key, or one that is too weak; ForgeUnavailable when its keys
        are not known.
        """
        if self._is_reading_needed(key_id):
            await self._read_once()
        return self._known(key_id)

    def _is_reading_needed(self, key_id: str) -> bool:
        now = self._clock.monotonic()
        if self._read is None or not self._read.is_usable(now):
            return True
        is_known = key_id in self._read.keys
        if is_known and (self._read.is_fresh(now) or self._reading.locked()):
            return False
        return now - self._last_tried >= _BETWEEN_READINGS

    async def _read_once(self) -> None:
        """A reading that ended while this one waited for its turn was made for both."""
        before = self._readings
        async with self._reading:
            if self._readings == before:
                await self._try_reading()
                self._readings += 1

    async def _try_reading(self) -> None:
        """A reading that is cancelled has not been tried."""
        try:
            self._read, self._problem = await self._fetch(), None
        except ForgeUnavailable as problem:
            self._tell(problem)
            self._problem = problem
        self._last_tried = self._clock.monotonic()

    def _tell(self, problem: ForgeUnavailable) -> None:
        """Once, until it is over: an issuer that is down is asked again and again."""
        if self._problem is None:
            is_usable = self._read is not None and self._read.is_usable(self._clock.monotonic())
            log.warning(
                "the keys of an issuer could not be read",
                issuer=self._issuer.issuer,
                why=problem.message,
                has_keys=is_usable,
            )

    async def _fetch(self) -> _Read:
        found = document(await self._get(self._issuer.discovery_url), DISCOVERY, self._issuer.name)
        answer = await self._get(keys_url(found, self._issuer))
        keys = key_set(document(answer, JWKS, self._issuer.name).keys)
        return _Read(keys, self._clock.monotonic(), lifetime(answer.cache_control))

    async def _get(self, url: str) -> Answer:
        return await self._client.get(url, {}, largest=_LARGEST_DOCUMENT)

    def _known(self, key_id: str) -> SigningKey:
        read = self._read if self._read and self._read.is_usable(self._clock.monotonic()) else None
        key = read.keys.get(key_id) if read else None
        if isinstance(key, SigningKey):
            return key
        if isinstance(key, UnusableKey):
            raise TokenRefused(f"the key {key_id!r} of forge {self._issuer.name!r} is not accepted: {key.rule}")
        if read is None or self._problem:
            raise self._unavailable() from self._problem
        raise TokenRefused(f"the ID token names the key {key_id!r}, and {self._issuer.issuer} has none of that name")

    def _unavailable(self) -> ForgeUnavailable:
        """A new error for everybody who is told of the same problem."""
        problem = self._problem or ForgeUnavailable("those that were read are too old")
        return ForgeUnavailable(
            f"the keys of {self._issuer.issuer} are not known: {problem.message}", retry_after=problem.retry_after
        )
