"""Where an audit ends that may end early: a function of its findings, not of who found them and how fast.

Images are taken in a seeded order (`draws.draw_order`). A look is at the first images of that order, once every search
of every version is done with them. Looks follow after fixed numbers of images, whatever shards were cut. The audit ends
at the first look that settles its limits, or where a caller stopped it; findings of later images are deleted then.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from modicum_server.domain.audits import Audit, Shard
from modicum_server.domain.ensembles import searched_by
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.stopping import ASKED, STOP_ASKED, STOPPED, Stopped, StopReason, look_images
from modicum_server.measures.early_end import SharesSoFar
from modicum_server.ports import Transaction
from modicum_server.usecases.draws import draw_order
from modicum_server.worker.stored_work import audited_versions


@dataclass(frozen=True, slots=True)
class Look:
    """A look that settled the limits: at so many images, and why."""

    images: int
    why: tuple[str, ...]


async def is_settled_by(transaction: Transaction, audit: Audit, shard: Shard) -> bool:
    """Return whether the end of this shard completes a look, and a look settles the audit's limits.

    A shard that completes no look is skipped, because a look reads all findings.
    """
    stopping = audit.specification.stopping
    if stopping is None or not stopping.limits:
        return False
    versions = await audited_versions(transaction, audit.specification)
    done, step = await _done(transaction, audit, versions), look_images(audit.item_count)
    if frozenset(shard.positions).isdisjoint(done[: len(done) // step * step]):
        return False
    return await _settling_look(transaction, audit, versions, done) is not None


async def _settling_look(
    transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion], done: Sequence[int]
) -> Look | None:
    """Return the first look that settles the audit's limits; None while none does, or without limits."""
    stopping = audit.specification.stopping
    if stopping is None or not stopping.limits:
        return None
    step = look_images(audit.item_count)
    shares = SharesSoFar(audit.specification, versions)
    for images in range(step, min(len(done), audit.item_count - 1) + 1, step):
        shares.add(await transaction.findings.at(audit.name, done[images - step : images]))
        why = shares.why()
        if why:
            return Look(images, why)
    return None


async def end_early(transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion]) -> None:
    """Once all searches have ended: keep the findings of the images at which the audit ends, and note why.

    Nothing happens to an audit that may not end early, or that was done with all its images and settled at none before.
    """
    if audit.specification.stopping is None:
        return
    done = await _done(transaction, audit, versions)
    look = await _settling_look(transaction, audit, versions, done)
    asked = str((await transaction.audits.parameters(audit.name)).get(STOP_ASKED, ASKED))
    stopped = (
        Stopped(len(done), audit.item_count, StopReason.ASKED, (asked,))
        if look is None
        else Stopped(look.images, audit.item_count, StopReason.SETTLED, look.why)
    )
    if stopped.images < audit.item_count:
        await transaction.findings.keep(audit.name, done[: stopped.images])
        await transaction.audits.note_parameters(audit.name, {STOPPED: asdict(stopped)})


async def _done(transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion]) -> tuple[int, ...]:
    """The longest beginning of the order at whose positions every search of every version is done."""
    each = [
        await transaction.findings.done_positions(audit.name, version.name, index)
        for index, search in enumerate(audit.specification.searches)
        for version in searched_by(search, versions)
    ]
    order = draw_order(seed=audit.specification.seed, item_count=audit.item_count)
    length = next((at for at, position in enumerate(order) if not all(position in done for done in each)), len(order))
    return order[:length]
