"""`ports.Store` over Postgres: one pool a process, one database transaction a `Transaction`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import QueuePool

from modicum_server import ports
from modicum_server.errors import SchemaOutdated
from modicum_server.postgres.connections import LONGEST_WAIT_SECONDS, open_engine
from modicum_server.store.access import PostgresAccess
from modicum_server.store.artifacts import PostgresArtifacts
from modicum_server.store.audits import PostgresAudits
from modicum_server.store.collections import PostgresCollections
from modicum_server.store.database_errors import translated
from modicum_server.store.datasets import PostgresDatasets
from modicum_server.store.erasures import PostgresErasures
from modicum_server.store.findings import PostgresFindings
from modicum_server.store.holds import PostgresHolds
from modicum_server.store.identity import PostgresIdentity
from modicum_server.store.metric_queries import PostgresGauges
from modicum_server.store.models import PostgresModels
from modicum_server.store.needs import PostgresNeeds
from modicum_server.store.overviews import PostgresOverviews
from modicum_server.store.predictions import PostgresPredictions
from modicum_server.store.probing import Probing
from modicum_server.store.projects import PostgresProjects
from modicum_server.store.request_ids import PostgresRequests
from modicum_server.store.retention import PostgresRetentions
from modicum_server.store.reviews import PostgresReviews
from modicum_server.store.schema import schema_of
from modicum_server.store.service_role import MAY_CHANGE
from modicum_server.store.sessions import PostgresSessions
from modicum_server.store.shards import PostgresShards
from modicum_server.store.spot_swaps import PostgresSpotSwaps
from modicum_server.store.spots import PostgresSpots
from modicum_server.store.trail import PostgresTrail
from modicum_server.store.trust import PostgresTrust
from modicum_server.store.unfinished_uploads import PostgresUnfinishedUploads
from modicum_server.store.verdicts import PostgresVerdicts
from modicum_server.store.workers import PostgresWorkers

#: How long a store that is closed waits for the connections in use, and how often it looks.
GIVEN_BACK_SECONDS = 5.0
LOOK_SECONDS = 0.01


@dataclass(slots=True)
class PostgresTransaction:
    """`ports.Transaction`: the nouns, all on one connection. Not frozen, because the protocol's attributes are not."""

    identity: ports.Identity
    projects: ports.Projects
    sessions: ports.Sessions
    access: ports.Access
    trust: ports.Trust
    requests: ports.Requests
    models: ports.Models
    datasets: ports.Datasets
    artifacts: ports.Artifacts
    uploads: ports.UnfinishedUploads
    collections: ports.Collections
    erasures: ports.Erasures
    holds: ports.Holds
    retention: ports.Retentions
    audits: ports.Audits
    shards: ports.Shards
    findings: ports.Findings
    predictions: ports.Predictions
    spots: ports.Spots
    spot_swaps: ports.SpotSwaps
    verdicts: ports.Verdicts
    reviews: ports.Reviews
    trail: ports.Trail
    gauges: ports.Gauges
    overviews: ports.Overviews
    needs: ports.Needs
    workers: ports.Workers


class PostgresStore:
    """`ports.Store`. READ COMMITTED; rows are locked where the ports say so."""

    def __init__(
        self, database_url: str, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS, pooled: bool = False
    ) -> None:
        """Take a `postgresql://` address, which may be that of a pooler; it is connected to when it is first used."""
        self._engine = open_engine(database_url, longest_wait_seconds=longest_wait_seconds, pooled=pooled)
        self._probing = Probing(self._engine)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ports.Transaction]:
        """Begin a transaction. It is committed at the end, and rolled back on an error.

        Raises:
            DependencyUnavailable: The database is away; whether a commit arrived is then not known.
        """
        with translated():
            async with self._engine.begin() as connection:
                yield self._nouns(connection)

    def _nouns(self, connection: AsyncConnection) -> PostgresTransaction:
        return PostgresTransaction(
            identity=PostgresIdentity(connection),
            projects=PostgresProjects(connection),
            sessions=PostgresSessions(connection),
            access=PostgresAccess(connection),
            trust=PostgresTrust(connection),
            requests=PostgresRequests(connection),
            models=PostgresModels(connection),
            datasets=PostgresDatasets(connection),
            artifacts=PostgresArtifacts(connection),
            uploads=PostgresUnfinishedUploads(connection),
            collections=PostgresCollections(connection),
            erasures=PostgresErasures(connection),
            holds=PostgresHolds(connection),
            retention=PostgresRetentions(connection),
            audits=PostgresAudits(connection),
            shards=PostgresShards(connection),
            findings=PostgresFindings(connection),
            predictions=PostgresPredictions(connection),
            spots=PostgresSpots(connection),
            spot_swaps=PostgresSpotSwaps(connection),
            verdicts=PostgresVerdicts(connection),
            reviews=PostgresReviews(connection),
            trail=PostgresTrail(connection),
            gauges=PostgresGauges(connection),
            overviews=PostgresOverviews(connection),
            needs=PostgresNeeds(connection),
            workers=PostgresWorkers(connection),
        )

    async def ping(self) -> None:
        """Check that the database responds.

        Raises:
            DependencyUnavailable
        """
        async with self._probing.connection() as connection:
            await connection.execute(text("SELECT 1"))

    async def require_schema(self) -> None:
        """Check that the schema is that of this release or a later one.

        Raises:
            DependencyUnavailable
            SchemaOutdated: says how far it is, and what to run.
        """
        async with self._probing.connection() as connection:
            state = await connection.run_sync(schema_of)
        if state.outdated:
            has = f"has schema {state.present}" if state.present else "has no schema of Modicum that its role may read"
            raise SchemaOutdated(
                f"the database {has}; this release needs schema {state.needed}; run modicum-server migrate",
                present=state.present,
                needed=state.needed,
            )

    async def may_change_trail(self) -> bool:
        """Whether the role of this store could change or delete entries of the trail.

        Raises:
            DependencyUnavailable
        """
        async with self._probing.connection() as connection:
            return bool(await connection.scalar(text(MAY_CHANGE)))

    async def close(self) -> None:
        """Close every connection. One in use is waited for a little: the pool forgets those that come back later."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVEN_BACK_SECONDS):
                while self._in_use():  # noqa: ASYNC110 - the pool tells nobody
                    await asyncio.sleep(LOOK_SECONDS)
        await self._engine.dispose()

    def _in_use(self) -> int:
        pool = self._engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0
