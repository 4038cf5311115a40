"""The worker process: one loop a slot that claims shards, and one that returns dead leases to the queue.

Must not know what a shard's stage does; see searching, scoring, checking and summarising.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping

import structlog

from modicum_server.domain.audits import AuditFailure, Shard, Stage
from modicum_server.errors import NO_ROOM, DiskFull, Unavailable
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.model_server import ModelServer
from modicum_server.ports import ArtifactStore, Store, Wakeups
from modicum_server.processes.stopping import done_before
from modicum_server.settings import Settings
from modicum_server.worker.checking import check
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.deaths import TRIES, retry_delay
from modicum_server.worker.exposition import exposed
from modicum_server.worker.leasing import Lease, ShardInterrupted
from modicum_server.worker.scoring import score
from modicum_server.worker.searching import search
from modicum_server.worker.stages import drop_shard, fail_audit, fail_audits_of_rejected, hand_back
from modicum_server.worker.summarising import summarise

#: Seconds that an idle slot waits for a wake-up before it looks at the rows itself.
IDLE_SECONDS = 5.0
#: Seconds between two looks for dead leases.
EXPIRY_SECONDS = 5.0
#: Seconds to wait when the database or the artifact store is away.
AWAY_SECONDS = 2.0
#: Share of the grace time after which what still runs is handed back instead.
FINISH_SHARE = 0.5

Work = Callable[[Equipment, Claim], Awaitable[Outcome]]
_WORK: Mapping[Stage, Work] = {
    Stage.CHECK: check,
    Stage.SEARCH: search,
    Stage.SCORE: score,
    Stage.SUMMARISE: summarise,
}

_log = structlog.get_logger(__name__)


async def _nothing() -> None:
    """A worker whose database is there has nothing to prepare."""


class Worker:
    """Works on shards until it is told to stop. Starts and stops its model server."""

    def __init__(
        self,
        store: Store,
        wakeups: Wakeups,
        artifact_store: ArtifactStore,
        model_server: ModelServer,
        settings: Settings,
        *,
        metrics: WorkerMetrics | None = None,
        prepare: Callable[[], Coroutine[object, object, None]] = _nothing,
    ) -> None:
        """Take what it works with; `prepare` is awaited while the model server starts, which takes seconds."""
        self.metrics = metrics or WorkerMetrics()
        #: The port of /metrics once the worker runs.
        self.metrics_port = 0
        self._equipment = Equipment(store, artifact_store, model_server, settings, self.metrics)
        self._wakeups = wakeups
        self._prepare = prepare
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._leases: set[Lease] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish or hand back within `settings.grace_seconds`."""
        settings, model_server = self._equipment.settings, self._equipment.model_server
        healthy = lambda: not stop.is_set()  # noqa: E731 - one expression, used once
        host, port = settings.worker_metrics_host, settings.worker_metrics_port
        async with exposed(self.metrics.registry, host=host, port=port, healthy=healthy) as port:
            self.metrics_port = port
            try:
                if await done_before(stop, model_server.start(), self._prepare()):
                    await self._serve(stop)
            finally:
                await model_server.stop()

    async def _serve(self, stop: asyncio.Event) -> None:
        slots = range(self._equipment.model_server.slots)
        self.metrics.slots.set(len(slots))
        self.metrics.watch_model_server(lambda: self._equipment.model_server.health)
        self.metrics.models_confined(self._equipment.model_server.isolation)
        _log.info("worker_started", worker=self._name, slots=len(slots), metrics_port=self.metrics_port)
        loops = [asyncio.create_task(self._serve_slot(slot, stop), name=f"slot-{slot}") for slot in slots]
        loops.append(asyncio.create_task(self._expire_leases(stop), name="expiry"))
        drain = asyncio.create_task(self._drain(stop, loops), name="drain")
        try:
            await asyncio.gather(*loops)
        except asyncio.CancelledError:
            if not stop.is_set():
                raise
        finally:
            for task in (drain, *loops):
                task.cancel()
            await asyncio.gather(drain, *loops, return_exceptions=True)
            _log.info("worker_stopped", worker=self._name)

    async def _drain(self, stop: asyncio.Event, loops: list[asyncio.Task[None]]) -> None:
        """Once stopped: let shards finish, then have them handed back, then leave them to their leases."""
        await stop.wait()
        grace = self._equipment.settings.grace_seconds
        await asyncio.sleep(grace * FINISH_SHARE)
        for lease in self._leases:
            lease.stop()
        await asyncio.sleep(grace * (1 - FINISH_SHARE))
        for loop in loops:
            loop.cancel()

    async def _serve_slot(self, slot: int, stop: asyncio.Event) -> None:
        shard: Shard | None = None
        while not stop.is_set():
            try:
                shard = await self._claim(slot, finishing=shard.audit if shard else "")
            except Exception as error:  # noqa: BLE001 - one bad answer must not end the worker, nor its other slots
                _log.warning("claim_failed", slot=slot, error=str(error), exc_info=not isinstance(error, Unavailable))
                await _until(stop, AWAY_SECONDS)
                continue
            if shard is None:
                await self._idle(stop)
            else:
                await self._work(slot, shard)

    async def _claim(self, slot: int, *, finishing: str) -> Shard | None:
        async with self._equipment.store.transaction() as transaction:
            return await transaction.shards.claim(
                f"{self._name}-{slot}",
                lease_seconds=self._equipment.settings.lease_seconds,
                finishing=finishing,
            )

    async def _idle(self, stop: asyncio.Event) -> None:
        waits = {asyncio.create_task(self._wakeups.wait(IDLE_SECONDS)), asyncio.create_task(stop.wait())}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        results = await asyncio.gather(*done, *pending, return_exceptions=True)
        if any(isinstance(result, Exception) for result in results):
            # The rows are the truth: without wake-ups the slot looks at them all the same, only later.
            await _until(stop, AWAY_SECONDS)

    async def _work(self, slot: int, shard: Shard) -> None:
        settings, clock = self._equipment.settings, asyncio.get_running_loop().time
        facts = {"stage": shard.stage.value, "audit": shard.audit, "model_version": shard.model_version}
        log = _log.bind(worker=self._name, slot=slot, shard=shard.id, attempt=shard.attempt, **facts)
        log.info("shard_claimed", positions=len(shard.positions), deaths=shard.deaths)
        self.metrics.shard_claimed(shard)
        started = clock()
        lease = Lease(
            self._equipment.store, shard, lease_seconds=settings.lease_seconds, renew_seconds=settings.renew_seconds
        )
        self._leases.add(lease)
        self.metrics.slots_busy.inc()
        outcome = Outcome.LOST
        try:
            async with lease:
                outcome = await self._end_of(Claim(shard, slot, lease), log)
        finally:
            self._leases.discard(lease)
            self.metrics.slots_busy.dec()
            self.metrics.shard_ended(shard, outcome.value, clock() - started)
            log.info(
                "shard_ended", outcome=outcome.value, seconds=round(clock() - started, 3), passes=lease.passes_done
            )

    async def _end_of(self, claim: Claim, log: structlog.stdlib.BoundLogger) -> Outcome:
        """Work on the claim, whatever happens: a shard that goes wrong must not take the worker with it."""
        try:
            return await _WORK[claim.shard.stage](self._equipment, claim)
        except ShardInterrupted:
            return await self._unless_away(self._leave(claim))
        except Exception as error:
            if _passes_by(error):
                log.warning("shard_put_off", error=str(error))
                return await self._unless_away(self._put_off(claim))
            log.exception("shard_went_wrong")
            return await self._unless_away(self._give_up(claim))

    async def _put_off(self, claim: Claim) -> Outcome:
        """Hand a claim back for which something is missing that is no fault of the shard."""
        await asyncio.sleep(AWAY_SECONDS)
        return await hand_back(self._equipment, claim, deaths=claim.shard.deaths, delay_seconds=AWAY_SECONDS)

    async def _leave(self, claim: Claim) -> Outcome:
        """End a claim that is no longer wanted."""
        if claim.lease.lost:
            return Outcome.LOST
        if claim.lease.stopping:
            return await hand_back(self._equipment, claim, deaths=claim.shard.deaths, delay_seconds=0.0)
        return await drop_shard(self._equipment, claim)

    async def _give_up(self, claim: Claim) -> Outcome:
        """End a claim on which our own code failed: again a few times, then the audit fails rather than hang."""
        deaths = claim.shard.deaths + 1
        if deaths < TRIES or claim.shard.stage is Stage.CHECK:
            return await hand_back(self._equipment, claim, deaths=deaths, delay_seconds=retry_delay(min(deaths, TRIES)))
        detail = f"the server failed in the stage {claim.shard.stage.value}; its log says why"
        return await fail_audit(self._equipment, claim, AuditFailure("INTERNAL", detail))

    async def _unless_away(self, ending: Awaitable[Outcome]) -> Outcome:
        """The ending; without the database the lease runs out and says the same, later."""
        try:
            return await ending
        except Exception as error:  # noqa: BLE001 - as in _serve_slot
            _log.warning("shard_not_ended", error=str(error), exc_info=not isinstance(error, Unavailable))
            return Outcome.LOST

    async def _expire_leases(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._expire_once()
            except Exception as error:  # noqa: BLE001 - as in _serve_slot
                _log.warning("expiry_failed", error=str(error), exc_info=not isinstance(error, Unavailable))
            await _until(stop, EXPIRY_SECONDS)

    async def _expire_once(self) -> None:
        async with self._equipment.store.transaction() as transaction:
            expired = await transaction.shards.expire()
        if expired:
            _log.warning("leases_expired", count=expired)
        # An audit may have been asked for while its version was being rejected.
        async with self._equipment.store.transaction() as transaction:
            failed = await fail_audits_of_rejected(transaction)
        for audit in failed:
            self.metrics.audit_ended(audit, "failed")


def _passes_by(error: Exception) -> bool:
    """Whether the same work may go well later: something was away, or a disk was full, whichever it was."""
    return isinstance(error, Unavailable | DiskFull) or (isinstance(error, OSError) and error.errno in NO_ROOM)


async def _until(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the stop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
