"""The database as a whole."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from modicum_server.ports.access import Access, Projects, Requests, Sessions
from modicum_server.ports.audits import Audits, Findings, Predictions, Shards, Spots
from modicum_server.ports.catalogue import Artifacts, Datasets, Models
from modicum_server.ports.collections import Collections
from modicum_server.ports.erasures import Erasures
from modicum_server.ports.holds import Holds
from modicum_server.ports.identity import Identity
from modicum_server.ports.needs import Needs
from modicum_server.ports.overviews import Gauges, Overviews
from modicum_server.ports.retention import Retentions
from modicum_server.ports.reviews import Reviews
from modicum_server.ports.spot_swaps import SpotSwaps
from modicum_server.ports.trail import Trail
from modicum_server.ports.trust import Trust
from modicum_server.ports.uploads import UnfinishedUploads
from modicum_server.ports.verdicts import Verdicts
from modicum_server.ports.workers import Workers


class Transaction(Protocol):
    """One database transaction."""

    identity: Identity
    projects: Projects
    sessions: Sessions
    access: Access
    trust: Trust
    requests: Requests
    models: Models
    datasets: Datasets
    artifacts: Artifacts
    uploads: UnfinishedUploads
    collections: Collections
    erasures: Erasures
    holds: Holds
    retention: Retentions
    audits: Audits
    shards: Shards
    findings: Findings
    predictions: Predictions
    spots: Spots
    spot_swaps: SpotSwaps
    verdicts: Verdicts
    reviews: Reviews
    trail: Trail
    gauges: Gauges
    overviews: Overviews
    needs: Needs
    workers: Workers


class Store(Protocol):
    """Postgres."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]: ...
    async def ping(self) -> None:
        """Raises DependencyUnavailable."""

    async def require_schema(self) -> None:
        """Check that the schema is that of this release, or of a later one.

        Raises DependencyUnavailable or SchemaOutdated.
        """

    async def close(self) -> None: ...
