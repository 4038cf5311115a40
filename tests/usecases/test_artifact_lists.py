"""The list of a project's artifacts says what refers to each, as the refusal to delete one would."""

import pytest
from modicum_server.errors import FieldInvalid, PageTokenInvalid, ProjectNotFound
from modicum_server.usecases.pages import PageRequest
from sqlalchemy import text

from tests.usecases.usecases_stage import ADMIN, PROJECT, STRANGER, VIEWER, Place, digest_of
from tests.usecases.usecases_stage import draft as drafted


async def listed(place: Place, beginning: str = "", **request) -> dict[str, tuple[str, ...]]:
    page = await place.artifacts.page(VIEWER, PROJECT, PageRequest(**request), beginning=beginning)
    return {row.artifact.digest: row.used_by for row in page.rows}


async def test_each_artifact_names_the_version_the_data_set_and_the_audit_that_refer_to_it(place):
    version, dataset = await place.register(), await place.dataset()
    audit = await place.audit(drafted(versions=(version.name,), dataset=dataset))
    result, loose = await place.succeed(audit.name), await place.upload(b"nobody needs it")

    used = await listed(place)

    manifest = (await place.datasets.get(VIEWER, dataset)).manifest_digest
    assert used[digest_of(b"weights")] == (version.name,)
    assert used[digest_of(b"image 1")] == used[manifest] == (dataset,)
    assert used[result] == (audit.name,)
    assert used[loose] == ()


async def test_what_is_listed_for_an_artifact_is_what_refuses_to_delete_it(place):
    await place.register()
    await place.dataset()
    await place.dataset("others", count=2)
    await place.upload(b"nobody needs it")

    for digest, used_by in (await listed(place)).items():
        async with place.store.transaction() as transaction:
            assert await transaction.artifacts.referrers(PROJECT, digest) == list(used_by)


async def test_a_swap_is_named_once_for_each_of_its_pictures(place):
    first, second = [await place.upload(data) for data in (b"first", b"second")]
    plan = f'{{"pictures": ["{first}", "{second}"]}}'
    async with place.store._engine.begin() as connection:
        row = "INSERT INTO spot_swaps (name, project, plan, principal, state) "
        row += "VALUES (:name, :project, :plan, 'o', 'SUCCEEDED')"
        for project in (PROJECT, "projects/elsewhere"):
            values = {"name": f"{project}/swaps/one", "project": project, "plan": plan}
            await connection.execute(text(row), values)

    assert await listed(place) == {first: (f"{PROJECT}/swaps/one",), second: (f"{PROJECT}/swaps/one",)}


@pytest.mark.long
async def test_at_most_ten_names_are_told(place):
    for number in range(12):
        await place.dataset(f"set-{number:02}", count=1)

    used = await listed(place, digest_of(b"image 0"))

    assert used == {digest_of(b"image 0"): tuple(f"{PROJECT}/datasets/set-{number:02}" for number in range(10))}


async def test_pages_follow_each_other_and_a_beginning_narrows_them(place):
    digests = sorted([await place.upload(f"artifact {number}".encode()) for number in range(7)])

    first = await place.artifacts.page(ADMIN, PROJECT, PageRequest(4))
    rest = await place.artifacts.page(ADMIN, PROJECT, PageRequest(4, first.next_token))

    assert [row.artifact.digest for row in (*first.rows, *rest.rows)] == digests
    assert rest.next_token == ""
    assert list(await listed(place, digests[3][:8])) == [digests[3]]
    assert list(await listed(place, digests[3])) == [digests[3]]
    with pytest.raises(PageTokenInvalid):
        await place.artifacts.page(ADMIN, PROJECT, PageRequest(4, first.next_token), beginning="a")


async def test_nothing_of_another_project_is_listed_or_named(place):
    await place.upload(b"ours")

    with pytest.raises(ProjectNotFound):
        await place.artifacts.page(STRANGER, PROJECT, PageRequest())
    with pytest.raises(FieldInvalid, match="hexadecimal"):
        await listed(place, "%")
