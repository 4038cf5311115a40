"""What a project may store and have left to do, and a principal may queue: exact, also when many ask at once."""

import asyncio
from functools import partial

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.projects import Principal
from modicum_server.errors import AuditTooLarge, UploadTruncated
from modicum_server.ports import Unfinished
from modicum_server.usecases.artifacts import Artifacts, UploadHeader, hold_files
from modicum_server.usecases.audit_creation import AuditCreation, AuditOptions
from modicum_server.usecases.limit_errors import ProjectFull, TooManyPasses, TooManyQueued

from tests.lock_waits import until_one_waits
from tests.usecases.usecases_stage import ADMIN, AUDITOR, OTHER_AUDITOR, PROJECT, digest_of, parts

SIZE = 1000


def bytes_of(number: int) -> bytes:
    return f"{number:04}".encode() * (SIZE // 4)


async def stored(place) -> int:
    async with place.store.transaction() as transaction:
        return await transaction.artifacts.stored_bytes(PROJECT)


async def on_disk(place) -> set[str]:
    return {digest async for digest in place.artifact_store.stored("")}


async def unfinished(place) -> Unfinished:
    async with place.store.transaction() as transaction:
        return await transaction.uploads.others(PROJECT, AUDITOR.name)


def limited_artifacts(place, most: int, **settings: int) -> Artifacts:
    limits = {"max_project_bytes": most, **settings}
    return Artifacts(place.store, place.artifact_store, place.settings.model_copy(update=limits))


async def upload(artifacts: Artifacts, data: bytes, principal: Principal = AUDITOR) -> None:
    await artifacts.upload(principal, UploadHeader(PROJECT, digest_of(data), len(data), 0), parts(data))


async def test_an_upload_beyond_the_bytes_of_a_project_is_refused_before_a_byte_is_read(place):
    artifacts, read = limited_artifacts(place, 2 * SIZE), []

    async def chunks():
        read.append(1)
        yield bytes_of(2)

    await upload(artifacts, bytes_of(0))
    await upload(artifacts, bytes_of(1))
    await upload(artifacts, bytes_of(1))  # is there already
    with pytest.raises(ProjectFull, match="it would store 3,000, unfinished"):
        await artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest_of(bytes_of(2)), SIZE, 0), chunks())

    assert (read, await stored(place)) == ([], 2 * SIZE)


async def test_what_is_deleted_makes_room(place):
    artifacts = limited_artifacts(place, SIZE)
    await upload(artifacts, bytes_of(0))

    await artifacts.delete(ADMIN, f"{PROJECT}/artifacts/{digest_of(bytes_of(0))}")
    await upload(artifacts, bytes_of(1))

    assert await stored(place) == SIZE


async def test_uploads_at_once_begin_only_as_far_as_they_fit_together(place):
    artifacts, begun, all_begun = limited_artifacts(place, 5 * SIZE), [], asyncio.Event()

    async def slowly(data: bytes):
        begun.append(data)
        if len(begun) == 5:
            all_begun.set()
        await all_begun.wait()  # nothing is stored yet
        yield data

    def send(number: int):
        data = bytes_of(number)
        return artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest_of(data), SIZE, 0), slowly(data))

    outcomes = await asyncio.gather(*map(send, range(12)), return_exceptions=True)

    kept = {digest_of(bytes_of(number)) for number in range(12) if not isinstance(outcomes[number], Exception)}
    assert [type(one) for one in outcomes if isinstance(one, Exception)] == [ProjectFull] * 7, outcomes
    assert (len(begun), len(kept), await stored(place)) == (5, 5, 5 * SIZE)
    assert await on_disk(place) == kept


async def test_an_upload_that_no_longer_fits_at_its_end_leaves_no_bytes_behind(place):
    artifacts, result = limited_artifacts(place, SIZE), b"a result"

    async def chunks():
        async with place.store.transaction() as transaction:
            await hold_files(transaction, place.artifact_store, PROJECT, [result])  # is always stored
        yield bytes_of(0)

    with pytest.raises(ProjectFull):
        await artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest_of(bytes_of(0)), SIZE, 0), chunks())

    assert await on_disk(place) == {digest_of(result)}
    assert (await unfinished(place)).count == 0


async def test_a_principal_stores_its_share_of_a_project_and_another_one_its_own(place):
    artifacts = limited_artifacts(place, 10 * SIZE, max_bytes_per_principal=2 * SIZE)
    for number in range(2):
        await upload(artifacts, bytes_of(number))
    await upload(artifacts, bytes_of(0), OTHER_AUDITOR)  # is there already: still otto's

    with pytest.raises(ProjectFull, match="otto may upload 2,000 bytes to projects/default; with this"):
        await upload(artifacts, bytes_of(2))
    with pytest.raises(ProjectFull, match="it would have uploaded 3,000"):
        await artifacts.upload_small(AUDITOR, PROJECT, [bytes_of(2)])
    for number in (3, 4):
        await upload(artifacts, bytes_of(number), OTHER_AUDITOR)
    async with place.store.transaction() as transaction:
        await hold_files(transaction, place.artifact_store, PROJECT, [bytes_of(5)])  # a result counts for nobody
    await artifacts.delete(ADMIN, f"{PROJECT}/artifacts/{digest_of(bytes_of(0))}")
    await artifacts.upload_small(AUDITOR, PROJECT, [bytes_of(6)])

    assert await stored(place) == 5 * SIZE


@pytest.mark.long
async def test_uploads_of_one_principal_at_once_do_not_pass_its_share_together(place):
    artifacts = limited_artifacts(place, 100 * SIZE, max_bytes_per_principal=3 * SIZE)

    sent = (artifacts.upload_small(AUDITOR, PROJECT, [bytes_of(number)]) for number in range(8))
    outcomes = await asyncio.gather(*sent, return_exceptions=True)

    assert [type(one) for one in outcomes if isinstance(one, Exception)] == [ProjectFull] * 5, outcomes
    assert (await stored(place), len(await on_disk(place))) == (3 * SIZE, 3)


async def test_uploads_that_were_begun_and_left_count_too(place):
    artifacts = limited_artifacts(place, 2 * SIZE)
    for number in range(2):
        data = bytes_of(number)
        with pytest.raises(UploadTruncated):
            await artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest_of(data), SIZE, 0), parts(data[:900]))

    with pytest.raises(ProjectFull):
        await upload(artifacts, bytes_of(2))
    resumed = UploadHeader(PROJECT, digest_of(bytes_of(0)), SIZE, 900)
    await artifacts.upload(AUDITOR, resumed, parts(bytes_of(0)[900:]))

    assert await stored(place) == SIZE


@pytest.mark.long
async def test_files_of_one_request_and_an_upload_of_one_of_them_do_not_wait_for_each_other_forever(
    place, database_url
):
    files = sorted((bytes_of(number) for number in range(2)), key=digest_of)
    async with place.store.transaction() as first:
        await first.artifacts.lock(digest_of(files[1]))

        async def hold() -> None:
            async with place.store.transaction() as second:
                await hold_files(second, place.artifact_store, PROJECT, files)

        holding = asyncio.create_task(hold())
        await until_one_waits(database_url)
        await first.artifacts.add(PROJECT, digest_of(files[1]), SIZE)
    await holding

    assert await stored(place) == 2 * SIZE


def limited_creation(place, **settings: int) -> AuditCreation:
    return AuditCreation(place.store, place.settings.model_copy(update=settings))


@pytest.mark.long
async def test_a_principal_queues_its_share_and_another_one_its_own(place, audit_draft):
    creation = limited_creation(place, max_queued_audits_per_principal=2)
    for _ in range(2):
        await creation.create(AUDITOR, PROJECT, audit_draft, AuditOptions())

    with pytest.raises(TooManyQueued, match="otto has 2 queued audits in projects/default"):
        await creation.create(AUDITOR, PROJECT, audit_draft, AuditOptions())
    other = await creation.create(OTHER_AUDITOR, PROJECT, audit_draft, AuditOptions())

    assert other.state is AuditState.QUEUED


@pytest.mark.long
async def test_requests_at_once_do_not_pass_the_share_of_their_principal_together(place, audit_draft):
    creation = limited_creation(place, max_queued_audits_per_principal=3)
    create = partial(creation.create, AUDITOR, PROJECT, audit_draft)

    outcomes = await asyncio.gather(*(create(AuditOptions()) for _ in range(10)), return_exceptions=True)

    assert [type(one) for one in outcomes if isinstance(one, Exception)] == [TooManyQueued] * 7, outcomes


@pytest.mark.long
async def test_audits_at_once_do_not_pass_the_passes_of_a_project_together(place, audit_draft):
    one = (await place.audit(audit_draft, validate_only=True)).progress.passes_planned
    creation = limited_creation(place, max_project_passes=3 * one)
    create = partial(creation.create, AUDITOR, PROJECT, audit_draft)

    outcomes = await asyncio.gather(*(create(AuditOptions()) for _ in range(8)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    queued = next(outcome for outcome in outcomes if not isinstance(outcome, Exception))
    await place.audits.cancel(AUDITOR, queued.name)
    again = await create(AuditOptions())

    assert [type(outcome) for outcome in refused] == [TooManyPasses] * 5, outcomes
    assert f"may have waiting, {3 * one:,} are taken" in str(refused[0])
    assert f"the audit needs {one:,} passes" in str(refused[0])
    assert again.state is AuditState.QUEUED


@pytest.mark.long
async def test_audits_at_once_do_not_pass_the_passes_of_their_principal_together(place, audit_draft):
    one = (await place.audit(audit_draft, validate_only=True)).progress.passes_planned
    creation = limited_creation(place, max_passes_per_principal=2 * one)
    create = partial(creation.create, AUDITOR, PROJECT, audit_draft)

    outcomes = await asyncio.gather(*(create(AuditOptions()) for _ in range(6)), return_exceptions=True)
    other = await creation.create(OTHER_AUDITOR, PROJECT, audit_draft, AuditOptions())

    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert [type(outcome) for outcome in refused] == [TooManyPasses] * 4, outcomes
    assert f"that audits of otto in projects/default may have waiting, {2 * one:,} are taken" in str(refused[0])
    assert f"the audit needs {one:,} passes" in str(refused[0])
    assert other.state is AuditState.QUEUED


@pytest.mark.long
async def test_an_audit_that_no_waiting_would_help_is_too_large(place, audit_draft):
    one = (await place.audit(audit_draft, validate_only=True)).progress.passes_planned
    creation = limited_creation(place, max_project_passes=one - 1)

    with pytest.raises(AuditTooLarge, match="Audit a sample"):
        await creation.create(AUDITOR, PROJECT, audit_draft, AuditOptions())


@pytest.mark.long
async def test_far_from_a_limit_requests_do_not_wait_for_each_other_and_near_it_they_do(
    place, audit_draft, database_url
):
    roomy = limited_creation(place, max_queued_audits=20_000)
    async with place.store.transaction() as other:
        await other.audits.queue_in_turn(PROJECT, alone=False)
        beside = await roomy.create(AUDITOR, PROJECT, audit_draft, AuditOptions())
        waiting = asyncio.create_task(place.audit(audit_draft))
        await until_one_waits(database_url)
        assert not waiting.done()

    assert {beside.state, (await waiting).state} == {AuditState.QUEUED}
