"""Erasing a picture: who may, what stands in the way, what of it the database then has, and what later audits do."""

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.erasures import ErasedItem, ErasedOutcome, Erasure, ErasureState
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.reviews import Review, ReviewImage, ReviewPlan
from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial, without_positions
from modicum_server.errors import FieldInvalid, ResourceInUse, RoleInsufficient
from modicum_server.ports import ErasureNotFound, PictureUnknown, ResultErased, TrailFilter
from modicum_server.store.database_copies import PostgresCopies
from modicum_server.usecases import erasing
from modicum_server.usecases.artifacts import Artifacts, UploadHeader
from modicum_server.usecases.erasing import ErasedPicture, Erasing, delete_files
from modicum_server.usecases.judging import AskedPolicy
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions

from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, Place, digest_of, draft, now, parts

IMAGE = digest_of(b"image 1")
POLICY = "version: 1\nrules: {spot: off, accuracy: {min: 0.9}}\n"
ELSEWHERE = "projects/elsewhere"


@pytest.fixture
def erase(place: Place):
    async def erased(image: str = IMAGE, principal: Principal = ADMIN, **named: str) -> Erasure:
        return await Erasing(place.store).erase(principal, PROJECT, ErasedPicture("" if named else image, **named))

    return erased


async def held(place: Place, digest: str, project: str = PROJECT) -> bool:
    async with place.store.transaction() as transaction:
        return await transaction.artifacts.get(project, digest) is not None


async def succeeded(place: Place, audit_draft, **options) -> str:
    """An audit of three pictures that ended with a finding of each."""
    audit = await place.audit(audit_draft, **options)
    await place.find(audit)
    await place.succeed(audit.name)
    return audit.name


async def test_only_an_admin_may_erase_and_nothing_is_done_for_others(place, audit_draft, erase):
    with pytest.raises(RoleInsufficient):
        await erase(principal=AUDITOR)

    assert await held(place, IMAGE)


async def test_rows_of_the_picture_go_at_once_and_those_of_the_others_stay(place, audit_draft, erase):
    name = await succeeded(place, audit_draft)

    erasure = await erase()

    async with place.store.transaction() as transaction:
        left = [finding.image_digest for _, finding in await transaction.findings.page(name, after="", limit=10)]
        audit = await transaction.audits.get(name)
    assert left == [digest_of(b"image 0"), digest_of(b"image 2")]
    assert not await held(place, IMAGE)
    assert await held(place, digest_of(b"image 0"))
    assert erasure.receipt.findings == 1
    assert erasure.receipt.items == (ErasedItem(audit.specification.dataset, "001.png"),)
    assert [(one.audit, one.outcome, one.images) for one in erasure.receipt.results] == [
        (name, ErasedOutcome.WAITING, 1)
    ]
    assert audit.erased == 1


@pytest.mark.long
async def test_an_item_of_a_data_set_names_the_picture(place, audit_draft, erase):
    erasure = await erase(dataset=audit_draft.specification.dataset, item="001.png")

    assert erasure.image_digest == IMAGE


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "named",
    [
        {"dataset": "", "item": ""},
        {"dataset": f"{PROJECT}/datasets/photos", "item": "none.png"},
        {"dataset": f"{ELSEWHERE}/datasets/photos", "item": "001.png"},
    ],
    ids=["nothing", "no such item", "a data set of another project"],
)
async def test_what_names_no_picture_is_refused(place, audit_draft, erase, named):
    with pytest.raises(FieldInvalid):
        await erase(**named)


async def test_a_digest_that_the_project_does_not_hold_is_unknown_also_where_another_project_does(place, erase):
    with pytest.raises(PictureUnknown, match="holds no picture"):
        await erase()


async def test_weights_are_no_picture(place, audit_draft, erase):
    with pytest.raises(PictureUnknown, match="belongs to projects/default/models/net/versions/1"):
        await erase(digest_of(b"weights"))

    assert await held(place, digest_of(b"weights"))


async def test_a_picture_that_an_audit_still_needs_is_in_use_until_it_ended(place, audit_draft, erase):
    audit = await place.audit(audit_draft)

    with pytest.raises(ResourceInUse, match=f"unfinished work uses the picture: {audit.name}"):
        await erase()
    await place.audits.cancel(AUDITOR, audit.name)

    assert (await erase()).receipt.results[0].outcome is ErasedOutcome.NONE


@pytest.mark.long
async def test_bytes_that_something_else_refers_to_stay_for_it(place, audit_draft, erase):
    version = await place.register(model="odd", weights=b"image 1")

    erasure = await erase()

    assert erasure.receipt.kept_for == (version.name,)
    assert await held(place, IMAGE)


@pytest.mark.long
async def test_a_second_call_returns_the_first_erasure(place, audit_draft, erase):
    first = await erase()

    assert await erase() == first


async def test_a_picture_that_was_brought_back_is_erased_again(place, audit_draft, erase):
    first = await erase()
    async with place.store.transaction() as transaction:
        await transaction.erasures.end(first.name)
    await place.upload(b"image 1")

    assert (await erase()).name != first.name


async def test_another_project_keeps_the_bytes_and_nobody_is_told(place, audit_draft, erase):
    other = Principal("saul", {ELSEWHERE: Role.ADMIN})
    async with place.store.transaction() as transaction:
        await transaction.projects.create(ELSEWHERE, admin="saul")
    theirs = UploadHeader(ELSEWHERE, IMAGE, len(b"image 1"), 0)
    await Artifacts(place.store, place.artifact_store, place.settings).upload(other, theirs, parts(b"image 1"))

    erasure = await erase()
    assert await delete_files(place.store, place.artifact_store, erasure.receipt.artifacts)

    assert erasure.receipt.artifacts == (IMAGE,)
    assert await held(place, IMAGE, ELSEWHERE)
    assert b"".join([piece async for piece in place.artifact_store.read(IMAGE)]) == b"image 1"


async def test_files_wait_for_a_backup(place, audit_draft, erase, database_url):
    erasure, copies = await erase(), PostgresCopies(database_url)

    async with copies.deleting_nothing():
        during = await delete_files(place.store, place.artifact_store, erasure.receipt.artifacts)
    await copies.close()
    after = await delete_files(place.store, place.artifact_store, erasure.receipt.artifacts)

    assert (during, after) == (False, True)


@pytest.mark.long
async def test_what_fails_in_the_midst_leaves_nothing_done(place, audit_draft, erase, monkeypatch):
    name = await succeeded(place, audit_draft)

    async def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(erasing, "record", fails)
    with pytest.raises(RuntimeError):
        await erase()

    async with place.store.transaction() as transaction:
        assert len(await transaction.findings.page(name, after="", limit=10)) == 3
        assert await transaction.erasures.newest(PROJECT, IMAGE) is None
    assert await held(place, IMAGE)


async def test_the_trail_says_who_erased_which_picture(place, audit_draft, erase):
    erasure = await erase()

    async with place.store.transaction() as transaction:
        (_, entry), *_ = await transaction.trail.page(PROJECT, TrailFilter(), after="", limit=1)
    assert (entry.verb, entry.principal) == ("EraseImage", "ada")
    assert (entry.resource, entry.detail) == (f"{PROJECT}/artifacts/{IMAGE}", erasure.name)


async def test_a_result_from_which_a_picture_was_erased_is_not_reused(place, audit_draft, erase):
    await succeeded(place, audit_draft)
    before = await place.audit(audit_draft)
    assert before.reused_from

    await erase()
    after = await place.audit(audit_draft)

    assert (after.reused_from, after.state) == ("", AuditState.QUEUED)


@pytest.mark.long
async def test_a_result_that_lost_a_picture_is_not_reused_when_the_picture_comes_back(place, audit_draft, erase):
    """The new audit asks for all three pictures, as the old one did, whose result has two of them."""
    name = await succeeded(place, audit_draft)
    await erase()
    await place.upload(b"image 1")

    again = await place.audit(audit_draft)

    async with place.store.transaction() as transaction:
        old = await transaction.audits.get(name)
    assert (old.state, old.erased) == (AuditState.SUCCEEDED, 1)
    assert (again.reuse_key, again.item_count) == (old.reuse_key, old.item_count)
    assert (again.reused_from, again.state) == ("", AuditState.QUEUED)


async def test_later_audits_leave_the_picture_out_and_are_reused_among_themselves(place, audit_draft, erase):
    await erase()

    first = await place.audit(audit_draft)
    await place.succeed(first.name)
    second = await place.audit(audit_draft)

    assert first.item_count == 2
    async with place.store.transaction() as transaction:
        items = [item.item for _, item in await transaction.audits.items(first.name, range(3))]
    assert items == ["000.png", "002.png"]
    assert second.reused_from == first.name


async def test_a_picture_that_was_brought_back_is_audited_again(place, audit_draft, erase):
    await erase()
    first = await place.audit(audit_draft)
    await place.succeed(first.name)
    await place.upload(b"image 1")

    second = await place.audit(audit_draft)

    assert (second.item_count, second.reused_from) == (3, "")


async def test_a_data_set_without_any_picture_left_is_refused(place, erase):
    version = await place.register()
    dataset = await place.dataset(count=1)
    await erase(digest_of(b"image 0"))

    with pytest.raises(FieldInvalid, match="were erased"):
        await place.audit(draft(versions=(version.name,), dataset=dataset))


async def test_a_review_that_shows_it_goes_and_another_stays(place, audit_draft, erase):
    name = await succeeded(place, audit_draft)

    async def review(number: int, position: int) -> str:
        shown = ReviewImage(position, 0, 3, 3, (0, 1))
        plan = ReviewPlan(audit_draft.specification.model_versions[0], 0, 0, 1.0, (shown,))
        async with place.store.transaction() as transaction:
            made = await transaction.reviews.create(Review(f"{name}/reviews/r{number}", name, plan, (), "ada", now()))
        return made.name

    showing, other = await review(1, 1), await review(2, 2)

    erasure = await erase()

    async with place.store.transaction() as transaction:
        assert await transaction.reviews.get(showing) is None
        assert await transaction.reviews.get(other) is not None
    assert erasure.receipt.reviews == (showing,)


@pytest.mark.long
async def test_a_verdict_that_was_begun_before_a_result_changed_is_not_stored(place, audited, monkeypatch):
    """It may hold the picture."""
    name, reported = await audited(), place.judging._reports.as_reported

    async def slow(principal, audit):
        document = await reported(principal, audit)
        async with place.store.transaction() as transaction:
            changed = f"UPDATE audits SET result_digest = '{'0' * 64}' WHERE name = '{name}'"
            await transaction.audits._connection.exec_driver_sql(changed)
        return document

    monkeypatch.setattr(place.judging._reports, "as_reported", slow)
    with pytest.raises(ResultErased):
        await place.judging.judge(AUDITOR, name, AskedPolicy(POLICY), CreateOptions())

    async with place.store.transaction() as transaction:
        assert await transaction.verdicts.of_audit(name) == []


async def test_erasures_are_listed_newest_first_and_found_by_name(place, audit_draft, erase):
    first, second = await erase(), await erase(digest_of(b"image 2"))

    page = await Erasing(place.store).page(ADMIN, PROJECT, PageRequest())

    assert [one.name for one in page.rows] == [second.name, first.name]
    assert (await Erasing(place.store).get(ADMIN, first.name)).state is ErasureState.RUNNING
    with pytest.raises(ErasureNotFound):
        await Erasing(place.store).get(ADMIN, f"{PROJECT}/erasures/none")


@pytest.mark.long
async def test_a_project_stays_until_its_erasures_are_done(place, audit_draft, erase):
    erasure = await erase()

    async with place.store.transaction() as transaction:
        for table in ("shards", "audits", "datasets", "models", "artifacts"):
            await transaction.projects._connection.exec_driver_sql(f"DELETE FROM {table}")
        assert not await transaction.projects.delete(PROJECT)
        await transaction.erasures.end(erasure.name)
        assert await transaction.projects.delete(PROJECT)


def test_pairs_of_a_picture_go_from_a_row_of_the_spot_test_whichever_side_it_is():
    outcomes = SpotOutcomes((1, 2, 3), (4, 1, 2), (True, False, True), (False,) * 3, (7, 8, 9), (0, 0, 0))
    kept = SpotTrial(0, SpotPlace(SpotKind.WINDOW, 1, 1), pasted=outcomes)
    alone = SpotTrial(
        1, SpotPlace(SpotKind.WINDOW, 1, 1), pasted=SpotOutcomes((1,), (4,), (True,), (True,), (0,), (0,))
    )

    row = without_positions(SpotRow(0, sources=3, trials=(kept, alone)), {1})

    assert row.sources == 2
    (trial,) = row.trials
    assert trial.pasted == SpotOutcomes((3,), (2,), (True,), (False,), (9,), (0,))
