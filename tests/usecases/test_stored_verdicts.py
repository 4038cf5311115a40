"""Stored verdicts: who reads and deletes them, how they are listed, and what they keep."""

import asyncio

import pytest
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.errors import (
    ProjectNotFound,
    RequestIdReused,
    ResourceInUse,
    RoleInsufficient,
    VerdictNotFound,
)
from modicum_server.usecases.judging import AskedPolicy, Judging
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions

from tests.usecases.judging_stage import (
    ACCURACY,
    PLAIN,
    REQUEST_ID,
    count,
    judged,
)
from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, STRANGER, VIEWER


async def test_a_viewer_reads_an_auditor_judges_and_an_admin_deletes(place, audited):
    audit = await audited()
    with pytest.raises(RoleInsufficient):
        await judged(place, audit, principal=VIEWER)
    with pytest.raises(ProjectNotFound):
        await judged(place, audit, principal=STRANGER)
    stored = await judged(place, audit)

    assert await place.verdicts.get(VIEWER, stored.name) == stored
    for stranger in (
        place.verdicts.get(STRANGER, stored.name),
        place.verdicts.page(STRANGER, PROJECT, "", PageRequest()),
    ):
        with pytest.raises(ProjectNotFound):
            await stranger
    with pytest.raises(RoleInsufficient):
        await place.verdicts.delete(AUDITOR, stored.name)
    await place.verdicts.delete(ADMIN, stored.name)
    for gone in (place.verdicts.get(VIEWER, stored.name), place.verdicts.delete(ADMIN, stored.name)):
        with pytest.raises(VerdictNotFound):
            await gone


async def test_verdicts_are_listed_newest_first_page_by_page_and_filtered(place, audited):
    clean, planted = await audited("clean"), await audited("planted", seed=1)
    version = (await place.audits.get(VIEWER, clean)).specification.model_versions[0]
    names = [(await judged(place, one)).name for one in (clean, planted, clean)]

    async def listed(filter_text="", **page):
        found = await place.verdicts.page(VIEWER, PROJECT, filter_text, PageRequest(**page))
        return [one.name for one in found.rows], found.next_token

    first, token = await listed(size=2)
    rest, end = await listed(size=2, token=token)
    assert (first + rest, end) == (names[::-1], "")
    assert (await listed(f"audit = {clean}"))[0] == [names[2], names[0]]
    assert (await listed("outcome = FAIL"))[0] == [names[1]]
    assert (await listed(f"model_version = {version} AND outcome = PASS"))[0] == [names[2], names[0]]
    assert (await listed("model_version = other"))[0] == []


@pytest.mark.long
async def test_a_repeated_request_gets_the_verdict_of_the_first(place, audited):
    audit = await audited()

    first, second = await asyncio.gather(*(judged(place, audit, request_id=REQUEST_ID) for _ in range(2)))
    third = await judged(place, audit, request_id=REQUEST_ID)

    assert first == second == third
    assert await count(place) == 1
    with pytest.raises(RequestIdReused):
        await judged(place, audit, ACCURACY, request_id=REQUEST_ID)
    await place.verdicts.delete(ADMIN, first.name)
    with pytest.raises(VerdictNotFound):
        await judged(place, audit, request_id=REQUEST_ID)


async def test_a_request_that_is_only_checked_stores_nothing(place, audited):
    audit = await audited("planted")

    told = await judged(place, audit, validate_only=True)

    assert (told.outcome, told.name, told.document_digest) == (VerdictOutcome.FAIL, "", "")
    assert await count(place) == 0
    assert await place.artifacts.find_missing(AUDITOR, PROJECT, [told.policy_digest]) != []


async def test_what_a_verdict_refers_to_is_kept_until_it_is_deleted(place, audited):
    audit = await audited()
    stored = await judged(place, audit)
    documents = [f"{PROJECT}/artifacts/{digest}" for digest in (stored.policy_digest, stored.document_digest)]

    for name in documents:
        with pytest.raises(ResourceInUse, match=stored.name):
            await place.artifacts.delete(ADMIN, name)
    with pytest.raises(ResourceInUse, match=stored.name):
        await place.audits.delete(AUDITOR, audit)

    await place.verdicts.delete(ADMIN, stored.name)
    await place.audits.delete(AUDITOR, audit)
    for name in documents:
        await place.artifacts.delete(ADMIN, name)


@pytest.mark.long
async def test_an_audit_with_a_reused_result_is_kept_by_its_verdict_too(place, audited, audit_draft):
    await audited()
    again = await place.audit(audit_draft)
    assert again.reused_from
    stored = await judged(place, again.name)

    assert stored.audit == again.name
    with pytest.raises(ResourceInUse, match=stored.name):
        await place.audits.delete(AUDITOR, again.name)


@pytest.mark.long
async def test_each_stored_verdict_is_counted_once(place, audited):
    counted = []
    judging = Judging(
        place.store,
        place.artifact_store,
        place.reports,
        place.report_threads,
        place.policy_threads,
        on_judged=counted.append,
    )
    audit, options = await audited(), CreateOptions(request_id=REQUEST_ID)

    for one in (options, options, CreateOptions(validate_only=True)):
        await judging.judge(AUDITOR, audit, AskedPolicy(PLAIN), one)

    assert [verdict.outcome for verdict in counted] == [VerdictOutcome.PASS]
