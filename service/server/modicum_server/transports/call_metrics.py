"""The metrics that the transports write and serve, as protocols. `bootstrap` binds them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from modicum_server.domain.gauges import Sight
from modicum_server.domain.trust import ExchangeOutcome
from modicum_server.domain.verdicts import VerdictOutcome


class CallMetrics(Protocol):
    """Counts what happens at the gRPC and HTTP ports of one process."""

    def rpc_ended(self, method: str, code: str, seconds: float, *, request_id: str = "") -> None:
        """Count a call and take its time; `method` is one that the server has."""

    def limit_reached(self, reason: str) -> None:
        """Count a call that was refused because a limit was reached."""

    def artifact_corrupt(self) -> None:
        """Count a call that failed because stored bytes were damaged."""

    def request_unrouted(self, transport: str, reason: str) -> None:
        """Count a request that no method serves."""

    def count_watchers(self, count: Callable[[], int]) -> None:
        """Take the number of open watches from here at every scrape."""

    def uploaded(self, size_bytes: int) -> None:
        """Count bytes of artifacts that came in."""

    def audit_created(self, *, reused: bool) -> None:
        """Count an audit that was created."""

    def verdict_stored(self, outcome: VerdictOutcome) -> None:
        """Count a verdict that was stored."""

    def token_exchanged(self, outcome: ExchangeOutcome) -> None:
        """Count an identity token that was exchanged or refused."""


class Exposition(Protocol):
    """Reads all metrics of this process."""

    async def expose(self, accept: str, sight: Sight, turn: AbstractAsyncContextManager[None]) -> tuple[bytes, str]:
        """Return the text for Prometheus with the names in sight, and its media type by the Accept header.

        It is made in the turn, unless another caller's is made already.
        """

    async def close(self) -> None:
        """Stop reading."""
