"""Unfinished uploads: how many a project and a principal may have, and for what they count."""

import asyncio

import psycopg
import pytest
from modicum_server.domain.projects import Principal
from modicum_server.errors import DigestMismatch, UploadBusy, UploadTruncated
from modicum_server.ports import FORGOTTEN_SECONDS, Unfinished
from modicum_server.usecases.artifacts import Artifacts, UploadHeader
from modicum_server.usecases.limit_errors import ProjectFull

from tests.usecases.test_project_limits import SIZE, bytes_of, limited_artifacts, stored, unfinished, upload
from tests.usecases.usecases_stage import AUDITOR, OTHER_AUDITOR, PROJECT, digest_of, parts


async def broken_upload(artifacts: Artifacts, data: bytes, principal: Principal = AUDITOR) -> None:
    """Send half of the bytes."""
    header = UploadHeader(PROJECT, digest_of(data), len(data), 0)
    with pytest.raises(UploadTruncated):
        await artifacts.upload(principal, header, parts(data[: SIZE // 2]))


async def test_a_project_has_so_many_unfinished_uploads_and_each_of_them_can_go_on(place):
    artifacts = limited_artifacts(place, 100 * SIZE, max_unfinished_uploads=2)
    for number in (0, 1):
        await broken_upload(artifacts, bytes_of(number))

    with pytest.raises(ProjectFull, match="projects/default may have 2 unfinished uploads; finish one of them"):
        await upload(artifacts, bytes_of(2))
    await artifacts.upload_small(AUDITOR, PROJECT, [bytes_of(3)])  # leaves none
    await upload(artifacts, bytes_of(0))
    await upload(artifacts, bytes_of(2))

    assert await stored(place) == 3 * SIZE


async def test_a_principal_has_so_many_unfinished_uploads_of_a_project_and_another_one_its_own(place):
    artifacts = limited_artifacts(place, 100 * SIZE, max_unfinished_uploads_per_principal=2)
    for number in (0, 1):
        await broken_upload(artifacts, bytes_of(number))

    with pytest.raises(ProjectFull, match="otto in projects/default may have 2 unfinished uploads"):
        await upload(artifacts, bytes_of(2))
    await broken_upload(artifacts, bytes_of(2), OTHER_AUDITOR)
    await broken_upload(artifacts, bytes_of(0), OTHER_AUDITOR)  # counts for whoever went on with it
    await upload(artifacts, bytes_of(3))

    assert await unfinished(place) == Unfinished(3, 3 * SIZE // 2, 1, SIZE // 2)


async def test_uploads_that_begin_at_once_do_not_pass_the_share_of_their_principal_together(place):
    artifacts = limited_artifacts(place, 100 * SIZE, max_unfinished_uploads_per_principal=3)
    begun, all_begun = [], asyncio.Event()

    async def slowly(data: bytes):
        begun.append(data)
        if len(begun) == 3:
            all_begun.set()
        await all_begun.wait()
        yield data

    sent = [
        artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest_of(bytes_of(number)), SIZE, 0), slowly(bytes_of(number)))
        for number in range(8)
    ]
    outcomes = await asyncio.gather(*sent, return_exceptions=True)

    assert [type(one) for one in outcomes if isinstance(one, Exception)] == [ProjectFull] * 5, outcomes


async def test_an_upload_counts_with_what_it_announced_and_then_with_what_it_left(place):
    artifacts, begun = limited_artifacts(place, 100 * SIZE), asyncio.Event()
    header = UploadHeader(PROJECT, digest_of(bytes_of(0)), SIZE, 0)

    async def half():
        yield bytes_of(0)[: SIZE // 2]
        begun.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(artifacts.upload(AUDITOR, header, half()))
    await begun.wait()
    assert (await unfinished(place)).size_bytes == SIZE
    with pytest.raises(UploadBusy):
        await artifacts.upload(OTHER_AUDITOR, header, parts(bytes_of(0)))
    assert await unfinished(place) == Unfinished(1, SIZE, 1, SIZE)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    assert (await unfinished(place)).size_bytes == SIZE // 2


async def test_an_upload_that_left_nothing_is_forgotten(place):
    artifacts = limited_artifacts(place, 100 * SIZE)

    with pytest.raises(DigestMismatch):
        await artifacts.upload(AUDITOR, UploadHeader(PROJECT, "0" * 64, SIZE, 0), parts(bytes_of(0)))

    assert await unfinished(place) == Unfinished()


async def test_an_upload_that_nobody_went_on_with_for_long_is_forgotten(place, database_url):
    artifacts = limited_artifacts(place, 100 * SIZE, max_unfinished_uploads=1)
    await broken_upload(artifacts, bytes_of(0))
    with psycopg.connect(database_url, autocommit=True) as connection:
        past = "UPDATE unfinished_uploads SET used_time = used_time - make_interval(secs => %s)"
        connection.execute(past, [FORGOTTEN_SECONDS])

    assert await unfinished(place) == Unfinished()
    await upload(artifacts, bytes_of(1))
