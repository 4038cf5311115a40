"""Early ends of audits: checks the rules that a caller gives, and stops further searches and scores."""

from collections.abc import Iterable
from dataclasses import asdict, replace

from modicum_server.domain.audits import Audit, AuditSpecification, NewShard, Scoring, Stage, scoring_of
from modicum_server.domain.searches import Control
from modicum_server.domain.stopping import CUT_ASKED, STOP_ASKED, STOPPED, ShareLimit, Stopped, StopReason, stopped_of
from modicum_server.domain.traces import NO_CAUSE, Cause
from modicum_server.errors import FieldInvalid
from modicum_server.measures.registry import measure_titles
from modicum_server.ports import Transaction
from modicum_server.usecases.resource_names import parent_of
from modicum_server.usecases.rules import check


def check_stopping(field: str, asked: AuditSpecification) -> None:
    """Refuse an early end by limits that no result could have, or of an audit whose searches do not go side by side.

    Raises:
        FieldInvalid
    """
    stopping = asked.stopping
    if stopping is None:
        return
    if any(search.matched for search in asked.searches):
        raise FieldInvalid(
            field, "`stopping` cannot be combined with matched searches, because they start after all others"
        )
    check(f"{field}.limits", stopping.limits)
    check(f"{field}.least_eligible_images", stopping.least_eligible_images, "images")
    if stopping.within_ends and not stopping.limits:
        raise FieldInvalid(f"{field}.within_ends", "expected false without limits, got true; give limits")
    for place, limit in enumerate(stopping.limits):
        _check_limit(f"{field}.limits[{place}]", limit, len(asked.searches))


def _check_limit(field: str, limit: ShareLimit, search_count: int) -> None:
    known = measure_titles()
    if limit.measure not in known:
        raise FieldInvalid(
            f"{field}.measure", f"expected a measure of the result document, such as {next(iter(known))}"
        )
    if not 0 <= limit.search_index < search_count:
        raise FieldInvalid(f"{field}.search_index", f"expected 0 to {search_count - 1}, got {limit.search_index}")
    if limit.at_most is None and limit.at_least is None:
        raise FieldInvalid(f"{field}.at_most", "expected `at_most` or `at_least`, got neither")
    for name in ("at_most", "at_least"):
        if getattr(limit, name) is not None:
            check(f"{field}.{name}", getattr(limit, name), "share_limit")
    check(f"{field}.error", limit.error)
    if limit.class_label:
        check(f"{field}.class_label", limit.class_label)


async def stop_searches(transaction: Transaction, name: str, why: str, cause: Cause = NO_CAUSE) -> None:
    """End the searches of an audit with those that have begun. An audit past its searches stays as it is.

    The last shard to end opens the next stage; where none is left, one without images does. The first `why` counts.
    """
    audit = await transaction.audits.lock(name)
    if audit is None or audit.state.terminal or audit.stage not in {None, Stage.SEARCH}:
        return
    if STOP_ASKED not in await transaction.audits.parameters(name):
        await transaction.audits.note_parameters(name, {STOP_ASKED: why})
    await begin_no_more(transaction, name)
    if await transaction.shards.remaining(name, Stage.SEARCH, at_most=1) == 0:
        closing = NewShard(Stage.SEARCH, audit.specification.model_versions[0])
        await transaction.shards.add(parent_of(name), name, [closing], cause)


async def begin_no_more(transaction: Transaction, name: str) -> None:
    """Let no search begin on images that no search of the audit has begun on. The caller holds the audit's row.

    Searches that have begun are finished, whatever they take: which images are done then does not depend on how long
    the last of them took.
    """
    await transaction.shards.drop_unbegun(name, Stage.SEARCH, kept=await transaction.findings.positions(name))


async def cut_scores(transaction: Transaction, name: str, why: str, cause: Cause = NO_CAUSE) -> None:
    """Let an audit end without what follows its searches, as far as it is not done. The first `why` counts.

    What is being scored is given up. While the searches run they are stopped, and nothing follows them.
    """
    await stop_searches(transaction, name, why, cause)
    audit = await transaction.audits.lock(name)
    if audit is None or audit.state.terminal or audit.stage is Stage.SUMMARISE:
        return
    if CUT_ASKED not in await transaction.audits.parameters(name):
        await transaction.audits.note_parameters(name, {CUT_ASKED: why})
    if audit.stage is Stage.SCORE:
        await leave_out(transaction, audit, await transaction.shards.withdraw(name, Stage.SCORE))
        await summarise_next(transaction, audit, cause)


async def leave_out(transaction: Transaction, audit: Audit, search_indices: Iterable[int]) -> None:
    """Note that the kinds of these SCORE shards are left out as a whole. The caller holds the audit's row.

    A part of a kind would be whatever came first, so it counts as nothing.
    """
    parameters = await transaction.audits.parameters(audit.name)
    kinds = {scoring_of(index) for index in search_indices}
    if kinds and len(audit.specification.model_versions) > 1 and _tests_spots(audit.specification):
        kinds.add(Scoring.SPOT_COMPARISON)
    why = str(parameters[CUT_ASKED])
    stopped = stopped_of(parameters) or Stopped(audit.item_count, audit.item_count, StopReason.ASKED, ())
    reasons = stopped.why if why in stopped.why else (*stopped.why, why)
    cut = replace(stopped, reason=StopReason.ASKED, why=reasons, cut=tuple(sorted(kinds)))
    await transaction.audits.note_parameters(audit.name, {STOPPED: asdict(cut)})


async def summarise_next(transaction: Transaction, audit: Audit, cause: Cause = NO_CAUSE) -> None:
    """Open the last stage of an audit. The caller holds its row."""
    await transaction.audits.plan_rest(audit.name, 0)
    await transaction.audits.start(audit.name, Stage.SUMMARISE)
    last = NewShard(Stage.SUMMARISE, model_version="")
    await transaction.shards.add(parent_of(audit.name), audit.name, [last], cause)


def _tests_spots(specification: AuditSpecification) -> bool:
    return any(plan.control is Control.SPOT for plan in specification.controls)
