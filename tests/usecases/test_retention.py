"""What a project no longer keeps goes with the next collection; what is held, used or kept stays."""

import json

import pytest
from modicum.gate.recount import stored_digest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.retention import Kept, Past, Retention
from modicum_server.errors import AuditNotFound, FieldInvalid, RoleInsufficient
from modicum_server.ports import RetentionPassed, TrailFilter
from modicum_server.usecases.collecting import Wanted, collect
from modicum_server.usecases.erasing import ErasedPicture, Erasing
from modicum_server.usecases.holds import Holds
from modicum_server.usecases.judging import AskedPolicy
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.reports import ReportFormat
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.retention import Retentions
from modicum_server.usecases.stored_results import read_document
from sqlalchemy import text

from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, VIEWER, Place, digest_of, draft

DAYS = 30
EVERYTHING = Retention(DAYS, DAYS, DAYS)
POLICY = "version: 1\nrules: {spot: off, accuracy: {min: 0.9}}\n"
IMAGES = [digest_of(f"image {number}".encode()) for number in range(3)]


@pytest.fixture
def keep(place: Place):
    async def kept(retention: Retention) -> None:
        await Retentions(place.store).set(ADMIN, PROJECT, retention)

    return kept


@pytest.fixture
async def audited(place: Place, audit_draft) -> str:
    """An audit of three pictures that ended with a finding of each, 40 days ago."""
    audit = await place.audit(audit_draft, audit_id="first")
    version, findings = audit.specification.model_versions[0], await place.find(audit)
    await place.succeed(audit.name, {"models": [{"model_version": version, "summary": ["All is well."]}]}, findings)
    await age(place)
    return audit.name


async def execute(place: Place, statement: str) -> None:
    async with place.store._engine.begin() as connection:
        await connection.execute(text(statement))


async def age(place: Place, *, days: int = 40) -> None:
    """Let everything that there is be so old."""
    for table, column in (("audits", "end_time"), ("datasets", "create_time"), ("artifacts", "used_time")):
        await execute(place, f"UPDATE {table} SET {column} = now() - interval '{days} days'")


async def collected(place: Place, **options) -> list[tuple[Kept, str]]:
    """Collect; return what was past its time."""
    past: list[Past] = []
    wanted = Wanted(grace_seconds=90 * 86_400.0, **options)
    await collect(place.store, place.artifact_store, wanted, lambda _: None, tell_past=past.append, page=2)
    return [(one.kind, one.name.removeprefix(f"{PROJECT}/")) for one in past]


async def audit_of(place: Place, name: str):
    async with place.store.transaction() as transaction:
        return await transaction.audits.get(name)


async def stored(place: Place) -> set[str]:
    return {digest async for digest in place.artifact_store.stored("")}


async def rows_left(place: Place, name: str) -> int:
    async with place.store.transaction() as transaction:
        return len(await transaction.findings.positions(name))


async def findings_left(place: Place) -> list[str]:
    async with place.store.transaction() as transaction:
        return await transaction.retention.findings_left(limit=9)


async def test_only_an_admin_sets_it_and_everybody_reads_it(place, keep):
    with pytest.raises(RoleInsufficient):
        await Retentions(place.store).set(AUDITOR, PROJECT, EVERYTHING)
    before = await Retentions(place.store).get(VIEWER, PROJECT)
    await keep(Retention(images_days=7))

    assert before == Retention(0, 0, 0)
    assert await Retentions(place.store).get(VIEWER, PROJECT) == Retention(0, 0, 7)


@pytest.mark.parametrize("days", [-1, 36_501])
async def test_days_out_of_range_are_refused(place, days):
    with pytest.raises(FieldInvalid, match=r"retention.reports_days: expected 0 \(for ever\), or 1"):
        await Retentions(place.store).set(ADMIN, PROJECT, Retention(reports_days=days))


async def test_setting_it_is_on_record(place, keep):
    await keep(Retention(findings_days=90, images_days=1))

    async with place.store.transaction() as transaction:
        [(_, entry)] = await transaction.trail.page(PROJECT, TrailFilter(), after="", limit=9)
    told = entry.principal, entry.verb, entry.resource, entry.detail
    assert told == ("ada", "SetRetention", PROJECT, "findings: 90 days, reports: kept, images: 1 day")


async def test_everything_is_kept_by_default(place, audited):
    before = await stored(place)

    assert await collected(place) == []
    assert (await stored(place), await rows_left(place, audited)) == (before, 3)


async def test_what_is_younger_is_kept(place, audited, keep):
    await keep(Retention(41, 41, 41))

    assert await collected(place) == []


async def test_findings_go_with_their_file_and_the_report_has_figures_and_says_so(place, audited, keep):
    await keep(Retention(findings_days=DAYS))
    before = await stored(place)

    gone = await collected(place)

    audit = await audit_of(place, audited)
    assert gone == [(Kept.FINDINGS, "audits/first")]
    assert await rows_left(place, audited) == 0
    assert len(before - await stored(place)) == 1
    assert audit.result_digest in await stored(place)
    report = await place.reports.render(VIEWER, audited, ReportFormat.JSON)
    document = json.loads(b"".join([piece async for piece in report.pieces]))
    day = f"{audit.findings_delete_time:%Y-%m-%d}"
    assert "rows" not in document
    [sentence] = document["deleted"]
    assert sentence.startswith(f"The findings of {audited} were deleted on {day}, as the retention of {PROJECT} says, ")
    assert sentence.endswith(", so the report has only figures of them.")
    assert stored_digest(document) == stored_digest(await read_document(place.artifact_store, audit.result_digest))


@pytest.mark.long
async def test_without_findings_an_audit_is_no_baseline_is_not_judged_and_not_reused(place, audited, audit_draft, keep):
    await keep(Retention(findings_days=DAYS))
    await collected(place)
    said = f"The findings of {audited} were deleted on .*, as the retention of {PROJECT} says. To get findings, audit"

    with pytest.raises(RetentionPassed, match=said):
        await place.judging.judge(AUDITOR, audited, AskedPolicy(POLICY), CreateOptions())
    with pytest.raises(RetentionPassed, match=said):
        await place.findings.page(VIEWER, audited, PageRequest())
    again = await place.audit(audit_draft)

    assert (again.state, again.reused_from) == (AuditState.QUEUED, "")
    await place.succeed(again.name)
    with pytest.raises(RetentionPassed, match=said):
        await place.judging.judge(AUDITOR, again.name, AskedPolicy(POLICY, baseline=audited), CreateOptions())


async def test_a_result_goes_with_both_files_and_its_findings_can_still_be_read(place, audited, audit_draft, keep):
    await keep(Retention(reports_days=DAYS))
    before = await stored(place)

    gone = await collected(place)

    audit = await audit_of(place, audited)
    assert gone == [(Kept.REPORTS, "audits/first")]
    assert (audit.state, audit.result_digest) == (AuditState.SUCCEEDED, "")
    assert len(before - await stored(place)) == 2
    assert len((await place.findings.page(VIEWER, audited, PageRequest())).rows) == 3
    with pytest.raises(
        RetentionPassed, match=f"The result of {audited} was deleted on .*, so it has no report. To get a"
    ):
        await place.reports.render(VIEWER, audited, ReportFormat.HTML)
    assert (await place.audit(audit_draft)).reused_from == ""


@pytest.mark.long
async def test_an_audit_that_reuses_the_result_keeps_it_and_then_goes_with_it(place, audited, audit_draft, keep):
    other = await place.audit(audit_draft, audit_id="second")
    await keep(Retention(findings_days=DAYS, reports_days=DAYS))

    assert other.reused_from == audited
    assert await collected(place) == []
    await age(place)
    await collected(place)

    both = [await audit_of(place, name) for name in (audited, other.name)]
    assert [one.result_digest for one in both] == ["", ""]
    assert all(one.findings_delete_time and one.report_delete_time for one in both)


async def test_pictures_go_and_the_data_set_says_so_to_a_new_audit(place, audited, audit_draft, keep):
    await keep(Retention(images_days=DAYS))
    name = audit_draft.specification.dataset

    gone = await collected(place)

    assert gone == [(Kept.IMAGES, name.removeprefix(f"{PROJECT}/"))]
    assert not await stored(place) & set(IMAGES)
    assert await rows_left(place, audited) == 3
    said = f"The pictures of {name} were deleted on .*, as the retention of {PROJECT} says. Upload them again as a data"
    with pytest.raises(RetentionPassed, match=said):
        await place.audit(audit_draft)
    assert (await place.datasets.get(VIEWER, name)).images_delete_time is not None


@pytest.mark.long
async def test_a_picture_of_another_data_set_stays_and_so_does_one_that_was_asked_for(place, audit_draft, keep):
    await age(place)
    await keep(Retention(images_days=DAYS))
    rows = [{"item": "a.png", "image": IMAGES[0]}]
    manifest = await place.upload(json.dumps(rows[0]).encode())
    await place.datasets.create(AUDITOR, PROJECT, "young", manifest, CreateOptions())
    await place.artifacts.find_missing(AUDITOR, PROJECT, [IMAGES[1]])

    await collected(place)

    assert await stored(place) & set(IMAGES) == {IMAGES[0], IMAGES[1]}


@pytest.mark.long
async def test_swaps_go_with_the_pictures_of_the_data_set_that_their_audit_is_of(place, audited, audit_draft, keep):
    """The audit of the set that is held has the other one as its out-of-distribution set."""
    photos, others = audit_draft.specification.dataset, await place.dataset("others", count=2)
    second = await place.audit(draft(versions=audit_draft.specification.model_versions, dataset=others))
    with_photos = f"specification || jsonb_build_object('out_of_distribution_dataset', '{photos}')"
    await execute(place, f"UPDATE audits SET specification = {with_photos} WHERE name = '{second.name}'")
    await place.succeed(second.name)
    await age(place)
    for name, audit in (("one", audited), ("two", second.name)):
        row = (
            f"'{name}', '{PROJECT}', jsonb_build_object('audit', '{audit}', 'pictures', '[]'::jsonb), 'o', 'SUCCEEDED'"
        )
        await execute(place, f"INSERT INTO spot_swaps (name, project, plan, principal, state) VALUES ({row})")
    await Holds(place.store).create(ADMIN, PROJECT, "incident", held=others, reason="evidence")
    await keep(Retention(images_days=DAYS))

    gone = await collected(place)

    assert gone == [(Kept.IMAGES, "datasets/photos")]
    async with place.store._engine.begin() as connection:
        assert (await connection.scalars(text("SELECT name FROM spot_swaps"))).all() == ["two"]


@pytest.mark.long
async def test_a_dry_run_tells_the_same_and_changes_nothing(place, audited, keep):
    await keep(EVERYTHING)
    before = await stored(place)

    looked = await collected(place, dry_run=True)

    audit = await audit_of(place, audited)
    assert (await stored(place), await rows_left(place, audited)) == (before, 3)
    assert (audit.findings_delete_time, audit.report_delete_time) == (None, None)
    assert await collected(place) == looked
    assert [kind for kind, _ in looked] == [Kept.FINDINGS, Kept.REPORTS, Kept.IMAGES]


@pytest.mark.long_after(1)
@pytest.mark.parametrize("held", ["audit", "verdict", "dataset"])
async def test_a_hold_keeps_what_it_holds(place, audited, audit_draft, keep, held):
    dataset = audit_draft.specification.dataset
    name = {"audit": audited, "dataset": dataset, "verdict": await judged(place, audited)}[held]
    await age(place)
    await Holds(place.store).create(ADMIN, PROJECT, "incident", held=name, reason="evidence")
    await keep(EVERYTHING)

    gone = {kind for kind, _ in await collected(place)}

    assert gone == ({Kept.FINDINGS, Kept.REPORTS} if held == "dataset" else set())


async def judged(place: Place, audit: str) -> str:
    """A verdict on it, as it would be stored."""
    name = f"{PROJECT}/verdicts/v1"
    await execute(
        place,
        "INSERT INTO verdicts (name, project, audit, model_versions, outcome, summary, rules, result_digest, "
        "policy_digest, baseline, baseline_digest, document_digest, artifact_digests, principal) "
        f"SELECT '{name}', project, name, model_versions, 'PASS', '', '[]', result_digest, '', '', '', '', "
        f"ARRAY[result_digest], 'otto' FROM audits WHERE name = '{audit}'",
    )
    return name


@pytest.mark.long
async def test_a_verdict_that_is_not_held_keeps_what_it_says_and_no_file(place, audited, keep):
    name = await judged(place, audited)
    result = (await audit_of(place, audited)).result_digest
    await keep(Retention(reports_days=DAYS))

    await collected(place)

    assert result not in await stored(place)
    assert (await place.verdicts.get(VIEWER, name)).result_digest == result


async def test_what_runs_keeps_the_pictures_and_findings_that_it_may_need(place, audited, audit_draft, keep):
    running = await place.audit(audit_draft, no_reuse=True)
    await keep(Retention(images_days=DAYS))

    assert await collected(place) == []
    await place.audits.cancel(AUDITOR, running.name)
    await age(place)
    assert [kind for kind, _ in await collected(place)] == [Kept.IMAGES]


@pytest.mark.long
async def test_nothing_goes_beside_an_erasure(place, audited, keep):
    erasure = await Erasing(place.store).erase(ADMIN, PROJECT, ErasedPicture(IMAGES[0]))
    await keep(EVERYTHING)

    assert await collected(place) == []
    async with place.store.transaction() as transaction:
        await transaction.erasures.end(erasure.name)
    assert len(await collected(place)) == 3


@pytest.mark.long
async def test_a_picture_whose_file_is_gone_is_erased_from_the_findings_that_are_left(place, audited, keep):
    await keep(Retention(images_days=DAYS))
    await collected(place)

    erasure = await Erasing(place.store).erase(ADMIN, PROJECT, ErasedPicture(IMAGES[0]))

    assert erasure.receipt.findings == 1
    assert await rows_left(place, audited) == 2


@pytest.mark.long
async def test_what_was_interrupted_is_carried_on(place, audited, keep):
    """The findings were let go, and the process was killed before it deleted any."""
    await keep(Retention(findings_days=DAYS))
    async with place.store.transaction() as transaction:
        assert await transaction.retention.is_past(PROJECT, Kept.FINDINGS, audited, days=DAYS)
        past = await transaction.retention.let_go(PROJECT, Kept.FINDINGS, audited, days=DAYS)
    before, left = await stored(place), await findings_left(place)

    assert await collected(place) == []
    assert (left, await findings_left(place)) == ([audited], [])
    assert (past.files, await rows_left(place, audited)) == (1, 0)
    assert len(before - await stored(place)) == 1


@pytest.mark.long
async def test_the_trail_says_what_went(place, audited, keep):
    await keep(Retention(findings_days=DAYS))
    await collected(place)

    async with place.store.transaction() as transaction:
        entries = [one for _, one in await transaction.trail.page(PROJECT, TrailFilter(), after="", limit=9)]
    [entry] = [one for one in entries if one.verb == "ApplyRetention"]
    assert (entry.principal, entry.resource) == ("system:operator", audited)
    assert entry.detail.startswith("findings, kept for 30 days: 1 file of ")


@pytest.mark.long
async def test_an_audit_can_be_deleted_when_its_result_is_gone(place, audited, keep):
    await keep(EVERYTHING)
    await collected(place)

    await place.audits.delete(AUDITOR, audited)

    with pytest.raises(AuditNotFound):
        await place.audits.get(VIEWER, audited)
