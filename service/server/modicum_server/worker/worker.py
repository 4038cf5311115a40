"""The worker process: a loop a slot that claims shards, and one each for expired leases, erasures and its presence.

What is done with a shard is in `shard_kinds`.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime

import structlog

from modicum_server.domain.audits import AuditFailure, Shard, Stage
from modicum_server.domain.traces import trace_id_of
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound, DiskFull, ModicumError, Unavailable
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.model_server import ModelServer
from modicum_server.ports import NO_TRACES, ArtifactStore, KeptArtifacts, Store, Traces, Wakeups
from modicum_server.processes.full_disks import is_disk_full
from modicum_server.processes.work_until_stop import done_before, until_stop
from modicum_server.settings import Settings
from modicum_server.worker.ahead import Ahead
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import DropShard, FailAudit, HandBack, Outcome, RejectVersion
from modicum_server.worker.erasing import carry_on_all, forget_erased
from modicum_server.worker.exposition import exposed
from modicum_server.worker.failures import TRIES, retry_delay
from modicum_server.worker.lease import Lease, ShardInterrupted
from modicum_server.worker.pauses import PAUSES, Pauses
from modicum_server.worker.presence import Presence
from modicum_server.worker.settle.shards import settle
from modicum_server.worker.settle.versions import fail_audits_of_rejected
from modicum_server.worker.shard_kinds import work_on
from modicum_server.worker.shard_spans import shard_span

#: Seconds between two looks for expired leases.
EXPIRY_SECONDS = 5.0
#: Share of the grace time in which shards may finish. What still runs then is handed back.
FINISH_SHARE = 0.5

_log = structlog.get_logger(__name__)


async def _nothing() -> None:
    """Prepare nothing: the database is there."""


class Worker:
    """Works on shards until it is stopped. Starts and stops its model server."""

    def __init__(
        self,
        store: Store,
        wakeups: Wakeups,
        artifact_store: ArtifactStore,
        model_server: ModelServer,
        settings: Settings,
        *,
        kept: KeptArtifacts | None = None,
        metrics: WorkerMetrics | None = None,
        traces: Traces = NO_TRACES,
        prepare: Callable[[], Coroutine[object, object, None]] = _nothing,
        pauses: Pauses = PAUSES,
    ) -> None:
        """Take what it works with. `kept` is what the model server gets artifacts from, if it keeps any.

        `prepare` is awaited while the model server starts, which takes seconds.
        """
        self.metrics = metrics or WorkerMetrics(names=settings.metrics_names)
        #: The port of /metrics once the worker runs.
        self.metrics_port = 0
        self._wakeups = wakeups
        self._prepare = prepare
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._presence = Presence(store, self._name, model_server, pauses)
        ahead = None if kept is None else Ahead(store, kept, lambda: self._presence.left)
        self._context = WorkerContext(
            store, artifact_store, model_server, settings, self.metrics, pauses, kept, ahead, traces
        )
        self._leases: set[Lease] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Then end the work within `settings.grace_seconds`, and stop the model server.

        The work is finished or handed back. Stopping the model server can take a few seconds more.
        """
        settings, model_server = self._context.settings, self._context.model_server
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
        slots = range(self._context.model_server.slots)
        self.metrics.slots.set(len(slots))
        self.metrics.models.watch_server(lambda: self._context.model_server.health)
        if self._context.kept is not None:
            self.metrics.kept.watch(self._context.kept)
        self.metrics.models.confined(self._context.model_server.isolation)
        _log.info("worker_started", worker=self._name, slots=len(slots), metrics_port=self.metrics_port)
        loops = [asyncio.create_task(self._serve_slot(slot, stop), name=f"slot-{slot}") for slot in slots]
        loops.append(asyncio.create_task(self._expire_leases(stop), name="expiry"))
        loops.append(asyncio.create_task(self._carry_on_erasures(stop), name="erasures"))
        loops.append(asyncio.create_task(self._presence.keep(stop), name="presence"))
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
            if self._context.ahead is not None:
                await self._context.ahead.stop()
            _log.info("worker_stopped", worker=self._name)

    async def _drain(self, stop: asyncio.Event, loops: list[asyncio.Task[None]]) -> None:
        """After the stop: let shards finish, then have them handed back, then leave them to their leases."""
        await stop.wait()
        grace = self._context.settings.grace_seconds
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
            except Exception as error:  # noqa: BLE001 - one bad reply must not end the worker, nor its other slots
                _log.warning("claim_failed", slot=slot, error=str(error), exc_info=not isinstance(error, Unavailable))
                await until_stop(stop, self._context.pauses.away)
                continue
            if shard is None:
                await self._idle(stop)
            else:
                await self._work(slot, shard)

    async def _claim(self, slot: int, *, finishing: str) -> Shard | None:
        async with self._context.store.transaction() as transaction:
            return await transaction.shards.claim(
                f"{self._name}-{slot}",
                lease_seconds=self._context.settings.lease_seconds,
                finishing=finishing,
                left=self._presence.left,
            )

    async def _idle(self, stop: asyncio.Event) -> None:
        waits = {asyncio.create_task(self._wakeups.wait(self._context.pauses.idle)), asyncio.create_task(stop.wait())}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        results = await asyncio.gather(*done, *pending, return_exceptions=True)
        if any(isinstance(result, Exception) for result in results):
            # Without wake-ups the slot looks at the rows all the same, only later.
            await until_stop(stop, self._context.pauses.away)

    async def _work(self, slot: int, shard: Shard) -> None:
        settings, clock = self._context.settings, asyncio.get_running_loop().time
        facts = {"stage": shard.stage.value, "audit": shard.audit, "model_version": shard.model_version}
        log = _log.bind(worker=self._name, slot=slot, shard=shard.id, attempt=shard.attempt, **facts)
        if shard.cause.request_id:
            log = log.bind(request_id=shard.cause.request_id)
        if shard.cause.traceparent:
            log = log.bind(trace_id=trace_id_of(shard.cause.traceparent))
        log.info("shard_claimed", positions=len(shard.positions), failed_tries=shard.failed_tries)
        self.metrics.shards.claimed(shard)
        started = clock()
        lease = Lease(
            self._context.store, shard, lease_seconds=settings.lease_seconds, renew_seconds=settings.renew_seconds
        )
        self._leases.add(lease)
        self.metrics.slots_busy.inc()
        outcome = Outcome.LOST
        try:
            with shard_span(self._context.traces, shard, self._name, slot) as span:
                async with lease:
                    outcome = await self._end_of(Claim(shard, slot, lease, span), log)
                span.note({"outcome": outcome.value, "passes": lease.passes_done})
        finally:
            self._leases.discard(lease)
            self.metrics.slots_busy.dec()
            self.metrics.shards.ended(shard, outcome.value, clock() - started)
            log.info(
                "shard_ended", outcome=outcome.value, seconds=round(clock() - started, 3), passes=lease.passes_done
            )

    async def _end_of(self, claim: Claim, log: structlog.stdlib.BoundLogger) -> Outcome:
        """Work on the claim. A shard that goes wrong must not end the worker."""
        try:
            return await work_on(self._context, claim)
        except ShardInterrupted:
            return await self._unless_away(self._leave(claim))
        except ArtifactCorrupt as error:
            log.error("artifact_corrupt", **error.metadata)  # noqa: TRY400 - the bytes are wrong, not the code
            self.metrics.artifacts_corrupt.inc()
            return await self._unless_away(self._refuse(claim, error))
        except ArtifactNotFound as error:
            log.exception("shard_failed")
            return await self._unless_away(self._look_again(claim, error))
        except Exception as error:
            if _is_temporary(error):
                log.warning("shard_put_off", error=str(error), away_seconds=round(claim.shard.away_seconds, 1))
                return await self._unless_away(self._put_off(claim, error))
            log.exception("shard_failed")
            return await self._unless_away(self._give_up(claim))

    async def _put_off(self, claim: Claim, error: Exception) -> Outcome:
        """Hand a claim back because something that it needs is away, or end it where that was so for too long.

        An attempt that got on begins a new wait.
        """
        if self._context.kept is not None and not isinstance(error, Unavailable):
            await self._context.kept.clear()  # a disk is full: what is kept makes room for the next try
        pause = self._context.pauses.away
        waited = 0.0 if claim.lease.passes_done else claim.shard.away_seconds
        if waited > self._context.settings.away_seconds:
            return await self._refuse(claim, _waited_too_long(error, waited, claim.shard.stage))
        await asyncio.sleep(pause)
        reason = _shown(_known(error))
        return await settle(self._context, claim, HandBack(claim.shard.failed_tries, pause, waited + pause, reason))

    async def _leave(self, claim: Claim) -> Outcome:
        """End a claim that is no longer wanted."""
        if claim.lease.lost:
            return Outcome.LOST
        if claim.lease.stopping:
            return await settle(self._context, claim, HandBack(claim.shard.failed_tries, 0.0))
        return await settle(self._context, claim, DropShard())

    async def _refuse(self, claim: Claim, error: ModicumError) -> Outcome:
        """End a claim that no other try can help: the audit or swap fails, or the version is rejected, for that reason.

        The documents of an audit name digests, so it must not go on with other bytes.
        """
        if claim.shard.stage is Stage.CHECK:
            return await settle(self._context, claim, RejectVersion(error.reason, str(error)))
        return await settle(self._context, claim, FailAudit(AuditFailure(error.reason, str(error))))

    async def _look_again(self, claim: Claim, error: ModicumError) -> Outcome:
        """End a claim whose bytes are gone: try again, because a shared file system may show a new file late."""
        if claim.shard.failed_tries + 1 < TRIES:
            return await self._try_again(claim)
        return await self._refuse(claim, error)

    async def _give_up(self, claim: Claim) -> Outcome:
        """End a claim on which our own code failed: try again. An audit or a swap fails in the end, a check never."""
        if claim.shard.failed_tries + 1 < TRIES or claim.shard.stage is Stage.CHECK:
            return await self._try_again(claim)
        detail = f"the server failed in the stage {claim.shard.stage.value}. The worker's log says why"
        return await settle(self._context, claim, FailAudit(AuditFailure("INTERNAL", detail)))

    async def _try_again(self, claim: Claim) -> Outcome:
        failed_tries = claim.shard.failed_tries + 1
        delay = retry_delay(min(failed_tries, TRIES), self._context.pauses)
        return await settle(self._context, claim, HandBack(failed_tries, delay))

    async def _unless_away(self, ending: Awaitable[Outcome]) -> Outcome:
        """Await the ending. Without the database the lease expires, which returns the shard later."""
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
            await until_stop(stop, EXPIRY_SECONDS)

    async def _carry_on_erasures(self, stop: asyncio.Event) -> None:
        looked: datetime | None = None
        while not stop.is_set():
            try:
                looked = await forget_erased(self._context, looked)
                await carry_on_all(self._context)
            except Exception as error:  # noqa: BLE001 - as in _serve_slot
                _log.warning("erasures_failed", error=str(error), exc_info=not isinstance(error, Unavailable))
            await until_stop(stop, self._context.pauses.erasures)

    async def _expire_once(self) -> None:
        async with self._context.store.transaction() as transaction:
            expired = await transaction.shards.expire()
        if expired:
            _log.warning("leases_expired", count=expired)
        # An audit may have been created while its version was being rejected.
        async with self._context.store.transaction() as transaction:
            failed = await fail_audits_of_rejected(transaction)
        for audit in failed:
            self.metrics.audits.ended(audit, "failed")


_AGAIN = {Stage.CHECK: "register the version again", Stage.SWAP: "swap the spot again"}
"""What to do once the cause is fixed, by stage. All other stages belong to an audit, which must run again."""


def _waited_too_long(error: Exception, seconds: float, stage: Stage) -> ModicumError:
    """Return the error by which work ends that waited too long, in words for whoever asked for it."""
    known = _known(error)
    again = _AGAIN.get(stage, "run the audit again")
    return type(known)(f"{known}. The work waited for {seconds:.0f} s. Fix the cause, then {again}")


def _known(error: Exception) -> ModicumError:
    """Return what is away or full as an error that callers may see."""
    return error if isinstance(error, ModicumError) else DiskFull("a disk of the worker is full")


def _shown(error: ModicumError) -> str:
    """Return what is wrong, without the advice behind the semicolon: the worker tries again by itself."""
    return str(error).partition(";")[0]


def _is_temporary(error: Exception) -> bool:
    """Whether the same work may succeed later: something was away, or a disk was full."""
    return isinstance(error, Unavailable | DiskFull) or is_disk_full(error)
