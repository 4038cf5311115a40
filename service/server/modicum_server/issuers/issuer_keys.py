"""The keys of one issuer, kept for a while and read anew when they rotate.

A look takes one reading at a time, whoever asks for it, and goes on when its caller leaves. An unknown key id leads to
a new look at most every `LOOK_SECONDS`, so that invented ids cost the issuer nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

import jwt
import structlog

from modicum_server.issuers.fetching import FetchRefused
from modicum_server.ports import IssuerUnavailable

ReadKeys = Callable[[], Awaitable[Mapping[str, jwt.PyJWK]]]

#: After this time, keys are read anew; while that fails, the old ones are valid until `LONGEST_SECONDS`.
FRESH_SECONDS = 600.0
LONGEST_SECONDS = 3600.0
LOOK_SECONDS = 30.0

log = structlog.get_logger(__name__)


class IssuerKeys:
    """Finds keys by their ids."""

    def __init__(self, issuer: str, read: ReadKeys, *, clock: Callable[[], float] = monotonic) -> None:
        self._issuer = issuer
        self._read = read
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._read_at = self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return the key with this id; None when the issuer has none. Without an id it is the only key that there is.

        Raises:
            IssuerUnavailable: no keys could be read within the last hour.
        """
        if self._looking is None and self._is_due(key_id):
            self._looked_at = self._clock()
            self._looking = asyncio.create_task(self._look())
        if self._looking is not None and (self._known(key_id) is None or self._is_old()):
            await asyncio.shield(self._looking)
        if self._is_old():
            raise IssuerUnavailable(f"the keys of {self._issuer} cannot be read now; try again in a minute")
        return self._known(key_id)

    def _known(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is not None:
            return self._keys.get(key_id)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    def _is_old(self) -> bool:
        return self._clock() - self._read_at > LONGEST_SECONDS

    def _is_due(self, key_id: str | None) -> bool:
        known = self._known(key_id) is not None and self._clock() - self._read_at <= FRESH_SECONDS
        return not known and self._clock() - self._looked_at >= LOOK_SECONDS

    async def _look(self) -> None:
        try:
            self._keys = await self._read()
            self._read_at = self._clock()
        except FetchRefused as error:
            log.warning("issuer_keys_unavailable", issuer=self._issuer, cause=str(error))
        finally:
            self._looking = None
