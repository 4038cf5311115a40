"""The database: every field that is stored is read again."""

from collections.abc import AsyncIterator
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime

import pytest
from modicum_server.domain import (
    audits as domain_audits,
)
from modicum_server.domain import (
    stopping as domain_stopping,
)
from modicum_server.domain.audits import Audit, AuditSpecification
from modicum_server.domain.datasets import Dataset, DatasetItem
from modicum_server.domain.findings import (
    Finding,
    FindingControls,
    FindingReason,
    Prediction,
    TransferFinding,
)
from modicum_server.domain.models import (
    ModelVersion,
    VersionState,
)
from modicum_server.store.postgres import PostgresStore

from tests.borders.crossing import assert_crosses
from tests.borders.filling import DAY, filled
from tests.borders.records import (
    ERASURE,
    GRANT,
    NEW_HOLD,
    NEW_TOKEN,
    NEW_TRAIL_ENTRY,
    NEW_TRUST_RULE,
    PREDICTION,
    RETENTION,
    REVIEW,
    SEAL,
    SOURCES,
    SPOT_ROW,
    STOPPED,
    SWAP,
    TRANSFER,
    VALID_STATISTICS,
    VERDICT,
)

PROJECT = "projects/default"
MODEL = f"{PROJECT}/models/net"
PHOTOS, OTHERS, CHANGED = (f"{PROJECT}/datasets/{name}" for name in ("photos", "others", "changed"))
#: The database's own, and the state that a version begins in.
OF_THE_DATABASE = frozenset({"name", "create_time", "check_time", "state", "check", "reject_reason", "reject_detail"})


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url)
    yield store
    await store.close()


async def stored_audit(store: PostgresStore, **given) -> Audit:
    """An audit in the database, of one version and three data sets that are there."""
    async with store.transaction() as transaction:
        await transaction.models.create(MODEL)
        version = await transaction.models.create_version(MODEL, filled(ModelVersion, state=VersionState.PENDING))
        for dataset in (PHOTOS, OTHERS, CHANGED):
            await transaction.datasets.create(dataset, "3" * 64, [filled(DatasetItem)])
        specification = filled(
            AuditSpecification,
            model_versions=(version.name,),
            dataset=PHOTOS,
            out_of_distribution_dataset=OTHERS,
            counterfactual_dataset=CHANGED,
            statistics=VALID_STATISTICS,
        )
        audit = filled(Audit, name=f"{PROJECT}/audits/one", specification=specification, **given)
        assert await transaction.audits.create(audit, [0]) is not None
    return audit


async def test_every_field_of_a_finding_is_stored(store):
    audit = await stored_audit(store, state=domain_audits.AuditState.RUNNING)
    (version,) = audit.specification.model_versions
    controls = filled(FindingControls, transfers=(filled(TransferFinding, model_version=version),))
    finding = filled(Finding, model_version=version, controls=controls)

    async with store.transaction() as transaction:
        await transaction.findings.add(audit.name, [finding])
        ((_, came),) = await transaction.findings.page(audit.name, after="", limit=1)

    assert_crosses(finding, came)


async def test_every_field_of_a_transfer_is_stored(store):
    audit = await stored_audit(store, state=domain_audits.AuditState.RUNNING)
    (version,) = audit.specification.model_versions
    finding = filled(Finding, model_version=version, controls=FindingControls())
    transfer = replace(TRANSFER, source=version, result=replace(TRANSFER.result, model_version=version))

    async with store.transaction() as transaction:
        await transaction.findings.add(audit.name, [replace(finding, position=transfer.position)])
        await transaction.findings.add_transfers(audit.name, finding.search_index, [transfer])
        ((_, came),) = await transaction.findings.page(audit.name, after="", limit=1)

    assert came.position == transfer.position
    assert came.model_version == transfer.source
    assert_crosses(transfer.result, came.controls.transfers[0])


@pytest.mark.parametrize(
    "prediction",
    [
        PREDICTION,
        replace(PREDICTION, confidence=None),
        Prediction(3, reason=FindingReason.INTERNAL),
    ],
)
async def test_every_field_of_a_prediction_is_stored(store, prediction):
    audit = await stored_audit(store, state=domain_audits.AuditState.RUNNING)
    (version,) = audit.specification.model_versions

    async with store.transaction() as transaction:
        await transaction.predictions.add(audit.name, version, -3, [prediction])
        came = await transaction.predictions.of(audit.name, version, -3)
        others = await transaction.predictions.of(audit.name, version, -1)

    assert (came, others) == ({prediction.position: prediction}, {})


async def test_every_field_of_a_row_of_the_spot_test_is_stored(store):
    audit = await stored_audit(store, state=domain_audits.AuditState.RUNNING)
    (version,) = audit.specification.model_versions

    async with store.transaction() as transaction:
        await transaction.spots.add(audit.name, version, [SPOT_ROW])
        await transaction.spots.add(audit.name, version, [replace(SPOT_ROW, sources=0)])
        numbers = await transaction.spots.numbers(audit.name, version)
        (came,) = await transaction.spots.of(audit.name, version)

    assert came == SPOT_ROW
    assert numbers == {SPOT_ROW.number}


async def test_every_field_of_a_verdict_is_stored(store):
    audit = await stored_audit(store)
    verdict = replace(VERDICT, name=f"{PROJECT}/verdicts/one", audit=audit.name)

    async with store.transaction() as transaction:
        created = await transaction.verdicts.create(verdict)
        came = await transaction.verdicts.get(verdict.name)

    assert_crosses(verdict, came, but=frozenset({"create_time"}))
    assert created == came
    assert came.create_time.tzinfo == UTC


async def test_every_field_of_the_end_of_an_audit_that_ended_early_is_stored(store):
    audit = await stored_audit(store)

    async with store.transaction() as transaction:
        await transaction.audits.note_parameters(audit.name, {domain_stopping.STOPPED: asdict(STOPPED)})
        came = domain_stopping.stopped_of(await transaction.audits.parameters(audit.name))

    assert came == STOPPED


async def test_every_field_of_a_review_is_stored(store):
    audit = await stored_audit(store)
    review = replace(REVIEW, name=f"{audit.name}/reviews/one", audit=audit.name)

    async with store.transaction() as transaction:
        await transaction.reviews.create(review)
        for reviewer in review.reviewers:
            await transaction.reviews.add_reviewer(review.name, reviewer, "link", seconds=60)
        await transaction.reviews.take_link("link", "secret")
        seat = await transaction.reviews.seat("secret")
        for place, answer in enumerate(review.reviewers[0].answers):
            await transaction.reviews.add_answer(seat, place, answer.choice)
        came = await transaction.reviews.get(review.name)

    # what was answered is the choice at the place of its picture
    answers = frozenset({"reviewers.0.answers.0.picture.image"})
    assert_crosses(review, came, but=answers | {"create_time"})


async def test_every_field_of_a_swap_of_a_spot_is_stored(store):
    swap = replace(SWAP, name="projects/default/swaps/one")

    async with store.transaction() as transaction:
        await transaction.spot_swaps.create(replace(swap, scores={}, failure=None))
        for version, scores in swap.scores.items():
            await transaction.spot_swaps.add_scores(swap.name, version, scores)
        await transaction.spot_swaps.fail(swap.name, swap.failure)
        came = await transaction.spot_swaps.get(swap.name)

    assert_crosses(swap, came, but={"create_time"})


async def test_every_field_of_a_grant_is_stored(store):
    async with store.transaction() as transaction:
        await transaction.projects.create(GRANT.project, admin="an-admin")
        await transaction.access.grant(GRANT.principal, GRANT.project, GRANT.role)
        came = await transaction.access.member(GRANT.project, GRANT.principal)

    assert came == GRANT


async def test_every_field_of_an_entry_of_the_trail_and_of_its_seal_is_stored(store):
    async with store.transaction() as transaction:
        await transaction.trail.write(NEW_TRAIL_ENTRY)
        (came,) = await transaction.trail.waiting(2)
        await transaction.trail.seal([SEAL])
        head = await transaction.trail.head(SEAL.project)

    assert_crosses(NEW_TRAIL_ENTRY, came)
    assert head == SEAL


async def test_every_field_of_a_token_is_stored(store):
    async with store.transaction() as transaction:
        await transaction.projects.create(NEW_TOKEN.project, admin="an-admin")
        await transaction.trust.add(NEW_TRUST_RULE)
        created = await transaction.access.add_token("1" * 64, NEW_TOKEN)
        await transaction.access.note_use(NEW_TOKEN.id)
        came = await transaction.access.token(NEW_TOKEN.id)

    assert_crosses(NEW_TOKEN, came)
    assert replace(came, last_used_time=None) == created
    assert {field.name for field in fields(came) if not getattr(came, field.name)} == set()


async def test_every_field_of_a_trust_rule_is_stored(store):
    async with store.transaction() as transaction:
        await transaction.projects.create("projects/one", admin="an-admin")
        created = await transaction.trust.add(NEW_TRUST_RULE)
        came = await transaction.trust.get(NEW_TRUST_RULE.name)

    assert_crosses(NEW_TRUST_RULE, came)
    assert came == created


async def test_every_field_of_an_erasure_is_stored(store):
    async with store.transaction() as transaction:
        created = await transaction.erasures.begin(ERASURE, files=["1" * 64])
        work = await transaction.erasures.lock(ERASURE.name)

    times = frozenset({"create_time", "end_time"})
    assert_crosses(ERASURE, created, but=times)
    assert (work.erasure, work.files) == (created, ("1" * 64,))


async def test_every_field_of_a_hold_is_stored(store):
    async with store.transaction() as transaction:
        created = await transaction.holds.add(NEW_HOLD)
        came = await transaction.holds.on([NEW_HOLD.held])

    assert_crosses(NEW_HOLD, created)
    assert came == [created]


async def test_every_field_of_a_retention_is_stored(store):
    async with store.transaction() as transaction:
        await transaction.retention.set(PROJECT, RETENTION)
        came = await transaction.retention.get(PROJECT)

    assert_crosses(RETENTION, came)


async def test_every_field_of_an_audit_is_stored(store):
    audit = await stored_audit(store)

    async with store.transaction() as transaction:
        came = await transaction.audits.get(audit.name)

    times = frozenset({"create_time", "start_time", "end_time"})
    of_retention = {"findings_delete_time", "report_delete_time"}  # set later; tests/usecases/test_retention.py
    assert_crosses(audit, came, but=times | of_retention)
    assert all(isinstance(getattr(came, name), datetime) for name in times)


@pytest.mark.parametrize("kind", SOURCES)
async def test_every_field_of_a_version_is_stored(store, kind):
    version = filled(ModelVersion, source=SOURCES[kind], state=VersionState.PENDING)
    async with store.transaction() as transaction:
        await transaction.models.create(MODEL)
        if parts := {"ensemble": "members", "input_dropout": "member"}.get(kind):
            part = await transaction.models.create_version(MODEL, filled(ModelVersion, digest="of a part"))
            name = part.name if parts == "member" else (part.name,)
            version = replace(version, source=filled(type(SOURCES[kind]), **{parts: name}))

        created = await transaction.models.create_version(MODEL, version)
        await transaction.models.accept(created.name, version.check)
        accepted = await transaction.models.version(created.name)

    assert_crosses(version, accepted, but=OF_THE_DATABASE - {"check"})
    assert accepted.create_time.tzinfo == UTC
    assert accepted.check_time is not None


async def test_every_field_of_a_refusal_is_stored(store):
    async with store.transaction() as transaction:
        await transaction.models.create(MODEL)
        created = await transaction.models.create_version(MODEL, filled(ModelVersion, state=VersionState.PENDING))
        await transaction.models.reject(created.name, reason="REASON", detail="the detail")
        came = await transaction.models.version(created.name)

    assert (came.reject_reason, came.reject_detail) == ("REASON", "the detail")


async def test_every_field_of_a_data_set_and_its_items_is_stored(store):
    item = filled(DatasetItem)
    async with store.transaction() as transaction:
        await transaction.datasets.create(PHOTOS, "3" * 64, [item], "somebody")
        dataset = await transaction.datasets.get(PHOTOS)
        ((_, came),) = await transaction.datasets.items(PHOTOS, after=-1, limit=1)

    assert_crosses(item, came)
    assert_crosses(Dataset(PHOTOS, "3" * 64, 1, 1, DAY, "somebody"), dataset, but=frozenset({"create_time"}))
