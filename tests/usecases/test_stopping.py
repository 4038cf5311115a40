"""Early ends as a caller asks for them: what is refused, how shards are cut, and who may stop an audit."""

import hashlib
import json
from dataclasses import asdict, replace

import pytest
from modicum_server.domain.audits import AuditSpecification, AuditState, Stage
from modicum_server.domain.stopping import CUT_ASKED, STOP_ASKED, ShareLimit, Stopping
from modicum_server.errors import AuditNotFound, AuditNotStoppable, FieldInvalid, RoleInsufficient
from modicum_server.settings import Settings
from modicum_server.usecases.costs import STOPPABLE_SECONDS, cut_shards, shard_count
from modicum_server.usecases.draws import draw_order
from modicum_server.usecases.specifications import check_draft, fill_in

from tests.usecases.test_costs import version
from tests.usecases.usecases_stage import ADMIN, AUDITOR, OTHER_AUDITOR, PROJECT, SEARCH, draft

LIMIT = ShareLimit(measure="overinterpretation_rate", at_most=0.1)
VERSION, DATASET = f"{PROJECT}/models/m/versions/1", f"{PROJECT}/datasets/photos"


def asked(stopping, **more):
    return draft(versions=(VERSION,), dataset=DATASET, stopping=stopping, **more)


@pytest.mark.parametrize(
    ("stopping", "message"),
    [
        (
            Stopping(limits=(replace(LIMIT, measure="no_measure"),)),
            "measure: expected a measure of the result document",
        ),
        (Stopping(limits=(replace(LIMIT, search_index=1),)), "search_index: expected 0 to 0, got 1"),
        (Stopping(limits=(replace(LIMIT, at_most=None),)), "at_most: expected `at_most` or `at_least`, got neither"),
        (Stopping(limits=(replace(LIMIT, at_most=1.0),)), "at_most: expected above 0 and below 1, got 1.0"),
        (Stopping(limits=(replace(LIMIT, at_least=float("nan")),)), "at_least: expected above 0 and below 1, got nan"),
        (Stopping(limits=(replace(LIMIT, error=0.6),)), "error: expected above 0 and at most 0.5"),
        (Stopping(limits=(replace(LIMIT, class_label="a\0"),)), "class_label: expected"),
        (Stopping(limits=(LIMIT,) * 65), "limits: expected at most 64 limits, got 65"),
        (Stopping(within_ends=True), "within_ends: expected false without limits"),
        (Stopping(least_eligible_images=-1), "least_eligible_images: expected 0 or more, got -1"),
    ],
)
def test_an_early_end_by_limits_that_no_result_has_is_refused(stopping, message):
    with pytest.raises(FieldInvalid, match=message.replace("(", r"\(")):
        check_draft(asked(stopping), PROJECT)


def test_matched_searches_do_not_end_early():
    searches = (SEARCH, replace(SEARCH, matched=True))

    with pytest.raises(FieldInvalid, match="`stopping` cannot be combined with matched searches"):
        check_draft(asked(Stopping(), searches=searches), PROJECT)


def test_an_audit_that_may_end_early_is_another_audit_and_one_that_may_not_keeps_its_digest():
    plain, stoppable, limited = (
        fill_in(asked(stopping), [version(1.0)], Settings()).digest
        for stopping in (None, Stopping(), Stopping(limits=(LIMIT,)))
    )

    assert len({plain, stoppable, limited}) == 3


def test_a_limit_of_a_class_is_another_one_and_a_limit_without_keeps_its_digest():
    """The digest of an audit from before limits had a class."""
    without, of_cat = (
        fill_in(asked(Stopping(limits=(limit,))), [version(1.0)], Settings())
        for limit in (LIMIT, replace(LIMIT, class_label="cat"))
    )

    values = asdict(without)
    del values["statistics"], values["counterfactual_dataset"], values["stopping"]["limits"][0]["class_label"]
    for plan in values["controls"]:
        if plan["method"] is None:
            del plan["method"]
    assert without.digest == hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    assert of_cat.digest != without.digest


def specification(**more) -> AuditSpecification:
    return fill_in(asked(Stopping(), no_controls=True, **more), [version(1.0)], Settings())


def test_shards_lie_between_looks_with_all_searches_side_by_side():
    searches = (SEARCH, replace(SEARCH, threshold=0.5))

    shards = list(cut_shards(specification(searches=searches), [version(None)], 80, shard_seconds=60))

    order = draw_order(seed=0, item_count=80)
    blocks = [tuple(sorted(order[start:end])) for start, end in ((0, 32), (32, 64), (64, 80))]
    assert [(shard.search_index, shard.positions) for shard in shards] == [
        (index, block) for block in blocks for index in (0, 1)
    ]


def test_shards_are_short_because_a_budget_waits_for_those_that_have_begun():
    """A pass of 10 ms, forward and backward 30 ms: a search of 600 passes takes 6 s."""
    long, short = (
        cut_shards(replace(specification(), stopping=stopping), [version(30.0)], 80, shard_seconds=60)
        for stopping in (None, Stopping())
    )

    assert STOPPABLE_SECONDS < 6
    assert max(len(shard.positions) for shard in long) == 10
    assert max(len(shard.positions) for shard in short) == 4


@pytest.mark.parametrize("items", [1, 31, 32, 33, 3000])
@pytest.mark.parametrize("milliseconds", [None, 30.0, 1e-9])
def test_shards_of_audits_that_may_end_early_are_counted_without_cutting_them(items, milliseconds):
    searches = (SEARCH, replace(SEARCH, threshold=0.5))
    versions = [version(milliseconds)]

    cut = list(cut_shards(specification(searches=searches), versions, items, shard_seconds=60))

    assert shard_count(specification(searches=searches), versions, items, shard_seconds=60) == len(cut)


@pytest.fixture
def stoppable(audit_draft):
    return replace(audit_draft, specification=replace(audit_draft.specification, stopping=Stopping()))


async def test_only_its_owner_or_an_admin_stops_an_audit(place, stoppable):
    audit = await place.audit(stoppable)

    with pytest.raises(RoleInsufficient):
        await place.audits.stop(OTHER_AUDITOR, audit.name)
    assert (await place.audits.stop(ADMIN, audit.name)).state is AuditState.QUEUED
    assert (await place.audits.stop(AUDITOR, audit.name)).state is AuditState.QUEUED
    async with place.store.transaction() as transaction:
        assert await transaction.shards.remaining(audit.name, Stage.SEARCH) == 1


@pytest.mark.long
async def test_a_stop_without_scores_stops_the_searches_too_and_keeps_the_first_reason(place, stoppable):
    audit = await place.audit(stoppable)

    await place.audits.stop(AUDITOR, audit.name, "no time", without_scores=True)
    await place.audits.stop(AUDITOR, audit.name, "another", without_scores=True)

    async with place.store.transaction() as transaction:
        noted = await transaction.audits.parameters(audit.name)
    assert {noted[STOP_ASKED], noted[CUT_ASKED]} == {"no time"}


async def test_an_audit_that_may_not_end_early_is_not_stopped(place, audit_draft):
    audit = await place.audit(audit_draft)

    with pytest.raises(AuditNotStoppable, match="created without `stopping`; cancel it instead"):
        await place.audits.stop(AUDITOR, audit.name)


@pytest.mark.long
async def test_a_stop_names_its_audit_and_its_reason_is_plain_text(place, stoppable):
    audit = await place.audit(stoppable)

    with pytest.raises(FieldInvalid, match="why: expected at most 256 characters"):
        await place.audits.stop(AUDITOR, audit.name, "x" * 257)
    with pytest.raises(AuditNotFound):
        await place.audits.stop(AUDITOR, f"{PROJECT}/audits/gone")


@pytest.mark.long
async def test_an_audit_that_has_ended_is_returned_by_a_stop_as_it_is(place, stoppable):
    audit = await place.audit(stoppable)
    await place.audits.cancel(AUDITOR, audit.name)

    assert (await place.audits.stop(AUDITOR, audit.name)).state is AuditState.CANCELLED
