"""Lists of audits and models say what was found and judged, and ask the database as much for many rows as for one."""

import pytest
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.usecases.judging import AskedPolicy
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions

from tests.statements import counted
from tests.usecases.usecases_stage import AUDITOR, OUTCOME, PROJECT, VIEWER, Place

POLICY = "version: 1\npreset: report-only\n"


@pytest.fixture
async def listed(place: Place, audited) -> list[str]:
    """Three audits with results, and a model beside that of theirs."""
    names = [await audited("planted", seed=seed) for seed in range(3)]
    await place.models.create(AUDITOR, PROJECT, "unjudged", CreateOptions())
    return names


async def judge(place: Place, audit: str):
    return await place.judging.judge(AUDITOR, audit, AskedPolicy(POLICY), CreateOptions())


async def test_a_list_of_audits_says_what_each_found(place, listed):
    page = await place.audits.page(VIEWER, PROJECT, "", PageRequest())

    assert {audit.name: audit.outcome for audit in page.rows} == dict.fromkeys(listed, OUTCOME)


async def test_a_model_has_its_newest_verdict_wherever_it_is_read(place, listed):
    await judge(place, listed[0])
    newest = await judge(place, listed[1])
    (model,) = {version.partition("/versions/")[0] for version in newest.model_versions}

    page = await place.models.page(VIEWER, PROJECT, PageRequest())
    again = await place.models.create(AUDITOR, PROJECT, model.rpartition("/")[2], CreateOptions())

    told = {one.name: one.newest_verdict for one in page.rows}
    assert told.keys() == {model, f"{PROJECT}/models/unjudged"}
    assert told[f"{PROJECT}/models/unjudged"] is None
    assert (told[model].name, told[model].audit) == (newest.name, listed[1])
    assert told[model].outcome is VerdictOutcome.PASS
    assert (await place.models.get(VIEWER, model)).newest_verdict == told[model] == again.newest_verdict


@pytest.mark.parametrize("listing", ["audits", "models"])
@pytest.mark.long
async def test_a_list_asks_as_much_of_the_database_for_many_rows_as_for_one(place, listed, listing):
    await judge(place, listed[0])

    async def asked(size: int) -> int:
        request = PageRequest(size)
        with counted(place.store) as statements:
            if listing == "audits":
                page = await place.audits.page(VIEWER, PROJECT, "", request)
            else:
                page = await place.models.page(VIEWER, PROJECT, request)
        assert len(page.rows) == size
        return len(statements)

    await asked(1)  # opens a connection
    assert await asked(1) == await asked(2) > 0
