"""What a principal may queue and upload in all projects of its token: exact, also when many ask at once."""

import asyncio
from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.projects import Principal, Role
from modicum_server.usecases.artifacts import UploadHeader
from modicum_server.usecases.audit_creation import AuditOptions
from modicum_server.usecases.limit_errors import ProjectFull, TooManyQueued

from tests.usecases.test_project_limits import SIZE, bytes_of, limited_artifacts, limited_creation, upload
from tests.usecases.usecases_stage import AUDITOR, OTHER_AUDITOR, PROJECT, digest_of, parts

ELSEWHERE = "projects/elsewhere"
EVERYWHERE = replace(AUDITOR, roles={PROJECT: Role.AUDITOR, ELSEWHERE: Role.AUDITOR})
OTHER_EVERYWHERE = replace(OTHER_AUDITOR, roles=EVERYWHERE.roles)


@pytest.fixture
async def two_projects(place) -> None:
    async with place.store.transaction() as transaction:
        await transaction.projects.create(ELSEWHERE, admin="ann")


async def upload_elsewhere(artifacts, data: bytes, principal: Principal = EVERYWHERE) -> None:
    await artifacts.upload(principal, UploadHeader(ELSEWHERE, digest_of(data), len(data), 0), parts(data))


async def pretend_queued(place, audit, count: int) -> None:
    """Audits of the same principal that wait in the other project."""
    async with place.store.transaction() as transaction:
        for number in range(count):
            await transaction.audits.create(replace(audit, name=f"{ELSEWHERE}/audits/a{number}"), [0])


async def test_uploads_of_a_principal_in_all_its_projects_share_a_limit(place, two_projects):
    artifacts = limited_artifacts(place, 100 * SIZE, max_bytes_across_projects=2 * SIZE)
    await upload(artifacts, bytes_of(0), EVERYWHERE)
    await upload_elsewhere(artifacts, bytes_of(1))

    with pytest.raises(ProjectFull, match="otto may upload 2,000 bytes to the 2 projects of its token; with this"):
        await upload(artifacts, bytes_of(2), EVERYWHERE)
    with pytest.raises(ProjectFull, match="it would have uploaded 3,000"):
        await artifacts.upload_small(EVERYWHERE, ELSEWHERE, [bytes_of(2)])
    await upload(artifacts, bytes_of(2), AUDITOR)  # a token for this project alone
    await upload_elsewhere(artifacts, bytes_of(3), OTHER_EVERYWHERE)


async def test_the_first_upload_of_a_principal_with_several_projects_is_refused_before_a_byte_is_read(
    place, two_projects
):
    artifacts = limited_artifacts(place, 100 * SIZE, max_bytes_across_projects=SIZE // 2)
    data, read = bytes_of(0), []

    async def chunks():
        read.append(data)
        yield data

    with pytest.raises(ProjectFull, match="otto may upload 500 bytes to the 2 projects of its token"):
        await artifacts.upload(EVERYWHERE, UploadHeader(PROJECT, digest_of(data), len(data), 0), chunks())
    assert read == []


@pytest.mark.long
async def test_uploads_to_two_projects_at_once_do_not_pass_the_limit_together(place, two_projects):
    artifacts = limited_artifacts(place, 100 * SIZE, max_bytes_across_projects=3 * SIZE)

    sent = (
        artifacts.upload_small(EVERYWHERE, project, [bytes_of(number)])
        for number in range(5)
        for project in (PROJECT, ELSEWHERE)
    )
    outcomes = await asyncio.gather(*sent, return_exceptions=True)

    assert [type(one) for one in outcomes if isinstance(one, Exception)] == [ProjectFull] * 7, outcomes


async def test_audits_of_a_principal_in_all_its_projects_share_a_limit(place, two_projects, audit_draft):
    creation = limited_creation(place, max_queued_audits_across_projects=3)
    first = await creation.create(EVERYWHERE, PROJECT, audit_draft, AuditOptions())
    await pretend_queued(place, first, 2)

    with pytest.raises(TooManyQueued, match="otto has 3 queued audits in the 2 projects of its token"):
        await creation.create(EVERYWHERE, PROJECT, audit_draft, AuditOptions())
    of_one_project = await creation.create(AUDITOR, PROJECT, audit_draft, AuditOptions())
    other = await creation.create(OTHER_EVERYWHERE, PROJECT, audit_draft, AuditOptions())

    assert {of_one_project.state, other.state} == {AuditState.QUEUED}


async def test_audits_at_once_do_not_pass_the_limit_across_projects_together(place, two_projects, audit_draft):
    creation = limited_creation(place, max_queued_audits_across_projects=3)
    first = await creation.create(EVERYWHERE, PROJECT, audit_draft, AuditOptions())
    await pretend_queued(place, first, 1)

    created = (creation.create(EVERYWHERE, PROJECT, audit_draft, AuditOptions()) for _ in range(5))
    outcomes = await asyncio.gather(*created, return_exceptions=True)

    assert [type(one) for one in outcomes if isinstance(one, Exception)] == [TooManyQueued] * 4, outcomes


async def test_metrics_show_the_principal_with_most_in_all_projects(place, two_projects, audit_draft):
    await upload(limited_artifacts(place, 100 * SIZE), bytes_of(0), EVERYWHERE)
    await upload_elsewhere(limited_artifacts(place, 100 * SIZE), bytes_of(1))
    first = await place.audit(audit_draft)
    await pretend_queued(place, first, 2)

    async with place.store.transaction() as transaction:
        facts = await transaction.gauges.facts()
        of_otto = await transaction.artifacts.stored_bytes_of("otto", [PROJECT, ELSEWHERE])

    assert (facts["principal_queued_audits"], facts["principal_stored_bytes"]) == (3, of_otto)
    assert of_otto > 2 * SIZE
