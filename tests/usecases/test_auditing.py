"""Audits over the real store: created, reused, cancelled, deleted, reported."""

import asyncio
import json
from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditProgress, AuditState, Stage
from modicum_server.domain.findings import Finding
from modicum_server.domain.searches import Control, ControlPlan, SearchMethod
from modicum_server.errors import (
    AuditExists,
    AuditNotEnded,
    AuditNotFound,
    AuditNotSucceeded,
    AuditTooLarge,
    DatasetNotFound,
    FieldInvalid,
    FindingNotFound,
    FormatUnknown,
    GradientMissing,
    LabelUnknown,
    ModelRejected,
    ModelVersionNotFound,
    RequestIdReused,
    ResourceInUse,
    RoleInsufficient,
)
from modicum_server.measures.document import SCHEMA_VERSION
from modicum_server.settings import Settings
from modicum_server.usecases.audit_creation import AuditCreation, AuditOptions
from modicum_server.usecases.limit_errors import TooManyQueued
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.reports import ReportFormat
from modicum_server.usecases.resource_names import new_resource_id
from modicum_server.usecases.stored_results import reuse_key

from tests.usecases.usecases_stage import ADMIN, AUDITOR, CHECK, OTHER_AUDITOR, PROJECT, SEARCH, VIEWER, draft

REQUEST_ID = "123e4567-e89b-12d3-a456-426614174000"


async def shards_of(place) -> list:
    found = []
    async with place.store.transaction() as transaction:
        while shard := await transaction.shards.claim("worker", lease_seconds=5):
            found.append(shard)
    return [shard for shard in found if shard.stage is Stage.SEARCH]


async def test_an_audit_is_queued_with_its_shards_and_its_cost(place, audit_draft):
    audit = await place.audit(audit_draft)

    (shard,) = await shards_of(place)
    assert (audit.state, audit.item_count, audit.principal) == (AuditState.QUEUED, 3, AUDITOR.name)
    assert audit.progress == AuditProgress(images_total=3, passes_planned=3 * (600 + 600 + 600 + 5 + 4))
    assert (shard.audit, shard.positions, shard.passes_planned) == (
        audit.name,
        (0, 1, 2),
        audit.progress.passes_planned,
    )


async def test_validating_returns_the_cost_and_writes_nothing(place, audit_draft):
    audit = await place.audit(audit_draft, validate_only=True, request_id=REQUEST_ID)

    assert audit.progress.passes_planned == 3 * 1809
    assert await shards_of(place) == []
    assert (await place.audits.page(AUDITOR, PROJECT, "", PageRequest())).rows == ()


async def test_a_repeated_request_returns_the_same_audit(place, audit_draft):
    first = await place.audit(audit_draft, request_id=REQUEST_ID)
    again = await place.audit(audit_draft, request_id=REQUEST_ID)

    assert again.name == first.name
    with pytest.raises(RequestIdReused):
        await place.audit(replace(audit_draft, no_controls=True), request_id=REQUEST_ID)


@pytest.mark.long
async def test_requests_at_the_same_time_make_one_audit(place, audit_draft):
    audits = await asyncio.gather(*(place.audit(audit_draft, request_id=REQUEST_ID) for _ in range(4)))

    assert len({audit.name for audit in audits}) == 1


async def test_an_id_is_used_once(place, audit_draft):
    audit = await place.audit(audit_draft, audit_id="nightly")

    assert audit.name == f"{PROJECT}/audits/nightly"
    with pytest.raises(AuditExists):
        await place.audit(audit_draft, audit_id="nightly")


async def test_ids_of_the_server_sort_by_time():
    ids = []
    for _ in range(3):
        ids.append(new_resource_id())
        await asyncio.sleep(0.002)

    assert ids == sorted(set(ids))


@pytest.mark.long
async def test_a_sample_larger_than_the_data_set_is_refused_with_both_numbers(place, audit_draft):
    more, all_of_it = (
        replace(audit_draft, specification=replace(audit_draft.specification, sample=count)) for count in (4, 3)
    )

    with pytest.raises(FieldInvalid, match=r"expected 0 for all items, or at most 3, .*; got 4") as caught:
        await place.audit(more)

    assert caught.value.field == "audit.specification.sample"
    assert (await place.audit(all_of_it)).item_count == 3


@pytest.mark.long
async def test_a_sample_is_audited_in_its_order(place, audit_draft):
    sampled = replace(audit_draft, specification=replace(audit_draft.specification, sample=2, seed=5))
    audit = await place.audit(sampled)

    async with place.store.transaction() as transaction:
        items = await transaction.audits.items(audit.name, [0, 1])
    assert audit.item_count == 2
    assert [item.item for _, item in items] == sorted({item.item for _, item in items})


async def test_a_missing_resource_is_named(place, audit_draft):
    elsewhere = replace(audit_draft.specification, model_versions=(f"{PROJECT}/models/net/versions/99",))
    with pytest.raises(ModelVersionNotFound, match="versions/99"):
        await place.audit(replace(audit_draft, specification=elsewhere))
    with pytest.raises(DatasetNotFound, match="nowhere"):
        await place.audit(
            replace(
                audit_draft, specification=replace(audit_draft.specification, dataset=f"{PROJECT}/datasets/nowhere")
            )
        )


async def test_a_rejected_version_is_refused_with_the_reason(place, audit_draft):
    version = await place.register(weights=b"broken", check=None)
    async with place.store.transaction() as transaction:
        await transaction.models.reject(version.name, reason="STATE_DICT_MISMATCH", detail="2 keys are missing")

    with pytest.raises(ModelRejected, match="STATE_DICT_MISMATCH: 2 keys are missing"):
        await place.audit(
            replace(audit_draft, specification=replace(audit_draft.specification, model_versions=(version.name,)))
        )


@pytest.mark.long
async def test_a_pending_version_queues(place, audit_draft):
    version = await place.register(weights=b"later", check=None)
    pending = replace(audit_draft.specification, model_versions=(version.name,))

    assert (await place.audit(replace(audit_draft, specification=pending))).state is AuditState.QUEUED


async def test_without_a_useful_gradient_batched_gradient_is_refused_and_the_others_search(place):
    version = await place.register(check=replace(CHECK, useful_gradient=False))
    dataset = await place.dataset()

    batched = replace(SEARCH, method=SearchMethod.BATCHED_GRADIENT, passes=0)
    with pytest.raises(GradientMissing, match="mask_optimization"):
        await place.audit(draft(versions=(version.name,), dataset=dataset, searches=(SEARCH, batched)))
    backselect = replace(SEARCH, method=SearchMethod.BACKSELECT, passes=0, fraction=0.2)
    audit = await place.audit(draft(versions=(version.name,), dataset=dataset, searches=(SEARCH, backselect)))

    assert audit.state is AuditState.QUEUED


async def test_a_label_outside_the_classes_is_refused(place):
    version, dataset = await place.register(), await place.dataset(labels=("cat", "bird"))

    with pytest.raises(LabelUnknown, match="'bird'"):
        await place.audit(draft(versions=(version.name,), dataset=dataset))


@pytest.mark.long
async def test_the_queued_audits_of_a_project_are_limited(place, audit_draft):
    for _ in range(place.settings.max_queued_audits):
        await place.audit(audit_draft)

    with pytest.raises(TooManyQueued, match="50 queued"):
        await place.audit(audit_draft)


async def test_concurrent_requests_do_not_exceed_the_limit_of_queued_audits(place, audit_draft):
    five = AuditCreation(place.store, place.settings.model_copy(update={"max_queued_audits": 5}))
    requests = [five.create(AUDITOR, PROJECT, audit_draft, AuditOptions()) for _ in range(20)]

    outcomes = await asyncio.gather(*requests, return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, TooManyQueued)]
    assert len(refused) == 15, outcomes
    async with place.store.transaction() as transaction:
        held = await transaction.audits.unended(PROJECT, AUDITOR.name)
    assert held.queued == 5


@pytest.mark.long
async def test_an_audit_of_more_shards_than_the_server_takes_is_refused_before_anything_is_written(place, audit_draft):
    searches = tuple(replace(SEARCH, threshold=0.5 + number / 100) for number in range(4))
    four = replace(audit_draft, specification=replace(audit_draft.specification, searches=searches))
    few = AuditCreation(place.store, place.settings.model_copy(update={"max_audit_shards": 3}))
    enough = AuditCreation(place.store, place.settings.model_copy(update={"max_audit_shards": 4}))

    for options in (AuditOptions(), AuditOptions(validate_only=True)):
        with pytest.raises(AuditTooLarge, match="4 searches needs 4 shards, but this server accepts 3"):
            await few.create(AUDITOR, PROJECT, four, options)

    assert (await place.audits.page(AUDITOR, PROJECT, "", PageRequest())).rows == ()
    await enough.create(AUDITOR, PROJECT, four, AuditOptions())
    assert len(await shards_of(place)) == 4


@pytest.mark.long
async def test_shards_that_will_score_subsets_count_when_an_audit_is_created(place, audit_draft):
    other = await place.register(model="other")
    versions = (*audit_draft.specification.model_versions, other.name)
    two = replace(audit_draft.specification, model_versions=versions, controls=(ControlPlan(Control.TRANSFER),))
    few = AuditCreation(place.store, place.settings.model_copy(update={"max_audit_shards": 3}))
    enough = AuditCreation(place.store, place.settings.model_copy(update={"max_audit_shards": 4}))

    with pytest.raises(AuditTooLarge, match="1 searches needs 4 shards, but this server accepts 3"):
        await few.create(AUDITOR, PROJECT, replace(audit_draft, specification=two), AuditOptions())

    assert (
        await enough.create(AUDITOR, PROJECT, replace(audit_draft, specification=two), AuditOptions())
    ).item_count == 3


async def test_an_identical_audit_that_succeeded_is_reused(place, audit_draft):
    first = await place.audit(audit_draft)
    digest = await place.succeed(first.name)
    said = (await place.audits.get(AUDITOR, first.name)).outcome
    await shards_of(place)

    again = await place.audit(audit_draft)

    assert (again.state, again.reused_from, again.result_digest) == (AuditState.SUCCEEDED, first.name, digest)
    assert (again.progress.passes_done, again.progress.passes_planned) == (0, 0)
    assert again.outcome == said is not None
    assert await shards_of(place) == []
    assert (await place.audit(audit_draft, no_reuse=True)).state is AuditState.QUEUED
    assert (await place.audit(replace(audit_draft, no_controls=True))).state is AuditState.QUEUED


async def test_an_audit_that_another_one_reuses_is_not_deleted(place, audit_draft):
    first = await place.audit(audit_draft)
    await place.succeed(first.name)
    again = await place.audit(audit_draft)

    with pytest.raises(ResourceInUse, match=again.name):
        await place.audits.delete(AUDITOR, first.name)
    await place.audits.delete(AUDITOR, again.name)
    await place.audits.delete(AUDITOR, first.name)


@pytest.mark.long
async def test_the_reuse_key_depends_on_every_digest_and_the_device(place, audit_draft):
    version = await place.versions.get(AUDITOR, audit_draft.specification.model_versions[0])
    dataset = await place.datasets.get(AUDITOR, audit_draft.specification.dataset)
    specification = replace(audit_draft.specification, device="auto")

    keys = {
        reuse_key(specification, [version], dataset, Settings(device="cpu")),
        reuse_key(specification, [version], dataset, Settings(device="cuda")),
        reuse_key(specification, [version], dataset, Settings(device="cpu", max_image_pixels=1000)),
        reuse_key(replace(specification, seed=1), [version], dataset, Settings(device="cpu")),
        reuse_key(specification, [version], dataset, Settings(device="cpu"), second=replace(dataset, name="other")),
        reuse_key(specification, [replace(version, digest="other")], dataset, Settings(device="cpu")),
        reuse_key(specification, [version], replace(dataset, manifest_digest="other"), Settings(device="cpu")),
    }

    assert len(keys) == 7


@pytest.mark.long
async def test_a_result_of_an_older_schema_is_not_reused(place, audit_draft):
    older_release = AuditCreation(place.store, place.settings, schema_version=SCHEMA_VERSION - 1)
    older = await older_release.create(AUDITOR, PROJECT, audit_draft, AuditOptions())
    await place.succeed(older.name)

    newer = await place.audit(audit_draft)
    await place.succeed(newer.name)

    assert newer.reused_from == ""
    assert (await place.audit(audit_draft)).reused_from == newer.name


@pytest.mark.long
async def test_a_result_of_another_device_than_workers_choose_now_is_not_reused(place, audit_draft):
    first = await place.audit(audit_draft)
    await note_device(place, first.name, "cpu")
    await place.succeed(first.name)
    assert (await place.audit(audit_draft)).reused_from == first.name

    on_new_workers = await place.audit(audit_draft, no_reuse=True)
    await note_device(place, on_new_workers.name, "cuda")

    assert (await place.audit(audit_draft)).reused_from == ""
    await place.succeed(on_new_workers.name)
    assert (await place.audit(audit_draft)).reused_from == on_new_workers.name


async def test_each_created_audit_is_announced_once(place, audit_draft):
    announced = []
    creation = AuditCreation(place.store, place.settings, on_created=announced.append)

    await creation.create(AUDITOR, PROJECT, audit_draft, AuditOptions(validate_only=True))
    for _ in range(3):
        made = await creation.create(AUDITOR, PROJECT, audit_draft, AuditOptions(request_id=REQUEST_ID))

    assert announced == [made]


async def test_lists_are_filtered_and_newest_first(place, audit_draft):
    names = [(await place.audit(audit_draft)).name for _ in range(3)]
    await place.audits.cancel(AUDITOR, names[1])

    everything = await place.audits.page(VIEWER, PROJECT, "", PageRequest())
    cancelled = await place.audits.page(VIEWER, PROJECT, "state = CANCELLED", PageRequest())

    assert [audit.name for audit in everything.rows] == names[::-1]
    assert [audit.name for audit in cancelled.rows] == [names[1]]


async def test_only_its_owner_or_an_admin_cancels_and_deletes_an_audit(place, audit_draft):
    audit = await place.audit(audit_draft)

    with pytest.raises(RoleInsufficient):
        await place.audits.cancel(OTHER_AUDITOR, audit.name)
    with pytest.raises(AuditNotEnded):
        await place.audits.delete(AUDITOR, audit.name)
    assert (await place.audits.cancel(ADMIN, audit.name)).state is AuditState.CANCELLED
    assert (await place.audits.cancel(AUDITOR, audit.name)).state is AuditState.CANCELLED
    with pytest.raises(RoleInsufficient):
        await place.audits.delete(OTHER_AUDITOR, audit.name)
    await place.audits.delete(AUDITOR, audit.name)
    with pytest.raises(AuditNotFound):
        await place.audits.get(AUDITOR, audit.name)


@pytest.mark.long
async def test_findings_of_a_reused_result_have_names_of_their_own_audit(place, audit_draft):
    first = await place.audit(audit_draft)
    version = audit_draft.specification.model_versions[0]
    found = [Finding(position, f"{position:03}.png", "ab" * 32, version, 0) for position in range(3)]
    async with place.store.transaction() as transaction:
        await transaction.audits.start(first.name, Stage.SEARCH)
        await transaction.findings.add(first.name, found)
    await place.succeed(first.name)
    again = await place.audit(audit_draft)

    for audit in (first, again):
        page = await place.findings.page(VIEWER, audit.name, PageRequest(size=2))
        rest = await place.findings.page(VIEWER, audit.name, PageRequest(size=2, token=page.next_token))
        assert [named.name for named in page.rows + rest.rows] == [f"{audit.name}/findings/0-0-{p}" for p in range(3)]
        assert (await place.findings.get(VIEWER, f"{audit.name}/findings/0-0-2")).finding == found[2]
        with pytest.raises(FindingNotFound):
            await place.findings.get(VIEWER, f"{audit.name}/findings/0-0-3")


async def test_a_report_takes_an_audit_that_succeeded(place, audit_draft):
    audit = await place.audit(audit_draft)

    with pytest.raises(AuditNotSucceeded, match="QUEUED"):
        await place.reports.render(VIEWER, audit.name, ReportFormat.JSON)
    with pytest.raises(FormatUnknown, match="json, html"):
        await place.reports.render(VIEWER, audit.name, None)
    await place.succeed(audit.name)
    report = await place.reports.render(VIEWER, audit.name, ReportFormat.JSON)

    assert report.media_type == "application/json"
    assert json.loads(b"".join([piece async for piece in report.pieces]))["rows"] == []


async def note_device(place, name, device):
    async with place.store.transaction() as transaction:
        await transaction.audits.note_parameters(name, {"device": device})
