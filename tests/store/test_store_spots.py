"""Rows of the spot test: pair by pair, once each, none after the audit's end, and enough to judge them at any level."""

from dataclasses import replace

from modicum.gate.spot_rule import by_source, low_end
from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial, SpotWindow
from modicum_server.store.postgres import PostgresStore

from tests.store.store_scene import PROJECT, Scene

SOURCES = (0, 0, 1, 2)
PASTED = SpotOutcomes(
    SOURCES, (3, 4, 5, 6), (True, False, True, True), (False, False, True, False), (0, 1, 2, 3), (3,) * 4
)
COVERED = replace(PASTED, here=(False, False, True, False))
FIXED = SpotTrial(0, SpotPlace(SpotKind.WINDOW, 2, 1, 1, 3), (), PASTED, COVERED)
OWN = SpotTrial(1, SpotPlace(SpotKind.OWN, 2, 2), (SpotWindow(0, 1, 2), SpotWindow(1, 0, 0)), PASTED, COVERED)
PATTERN = replace(FIXED, half=1, place=SpotPlace(SpotKind.PATTERN, 3, 2, 1, 2, b"\x84"))
CAT = SpotRow(0, 7, (FIXED, PATTERN, OWN), 120)
EVERYONE = SpotRow(None, 8, (FIXED,), 60)


async def audit_of_one(scene: Scene, name: str = "spots") -> tuple[str, str]:
    audit = await scene.audit(name)
    return audit.name, audit.specification.model_versions[0]


async def add(store: PostgresStore, audit: str, version: str, *rows: SpotRow) -> None:
    async with store.transaction() as transaction:
        await transaction.spots.add(audit, version, rows)


async def rows_of(store: PostgresStore, audit: str, version: str) -> list[SpotRow]:
    async with store.transaction() as transaction:
        return await transaction.spots.of(audit, version)


async def test_rows_come_back_pair_by_pair_as_they_were_stored_by_number(store, scene: Scene):
    audit, version = await audit_of_one(scene)

    await add(store, audit, version, CAT, EVERYONE)

    assert await rows_of(store, audit, version) == [EVERYONE, CAT]
    async with store.transaction() as transaction:
        assert await transaction.spots.numbers(audit, version) == {0, 1}


async def test_a_stored_row_is_judged_anew_at_another_level_from_its_pairs(store, scene: Scene):
    audit, version = await audit_of_one(scene)
    many = tuple(range(40))
    pairs = SpotOutcomes(many, many[::-1], (True,) * 12 + (False,) * 28, (False,) * 40, many, many)
    await add(store, audit, version, replace(EVERYONE, trials=(replace(FIXED, pasted=pairs),)))

    (row,) = await rows_of(store, audit, version)

    pasted = row.trials[0].pasted
    values = by_source(pasted.sources, pasted.here, pasted.elsewhere)
    assert low_end(values, 0.2) > low_end(values, 0.05) > 0.1 > low_end(values, 0.001)


async def test_the_first_row_of_a_class_stays(store, scene: Scene):
    audit, version = await audit_of_one(scene)

    await add(store, audit, version, CAT)
    await add(store, audit, version, replace(CAT, passes=999), EVERYONE)

    assert await rows_of(store, audit, version) == [EVERYONE, CAT]


async def test_a_reason_is_stored_in_place_of_what_was_tested(store, scene: Scene):
    audit, version = await audit_of_one(scene)
    failed = SpotRow(3, reason=FindingReason.MODEL_DIED)

    await add(store, audit, version, failed)

    assert await rows_of(store, audit, version) == [failed]


async def test_rows_belong_to_their_audit_and_version(store, scene: Scene):
    audit, version = await audit_of_one(scene)
    other, _ = await audit_of_one(scene, "others")

    await add(store, audit, version, CAT)

    assert await rows_of(store, other, version) == []
    assert await rows_of(store, audit, "projects/default/models/net/versions/99") == []


async def test_rows_that_another_version_chose_are_apart_from_its_own(store, scene: Scene):
    first, second = await scene.model("first"), await scene.model("second")
    one = await scene.audit("base", version=first)
    specification = replace(one.specification, model_versions=(first, second))
    async with store.transaction() as transaction:
        await transaction.audits.create(
            replace(one, name=f"{PROJECT}/audits/two", specification=specification), range(4)
        )
        await transaction.spots.add(f"{PROJECT}/audits/two", second, [CAT], chosen_by=first)
        await transaction.spots.add(f"{PROJECT}/audits/two", second, [replace(CAT, passes=9)], chosen_by=first)
        await transaction.spots.add(f"{PROJECT}/audits/two", second, [EVERYONE])

    async with store.transaction() as transaction:
        assert await transaction.spots.of(f"{PROJECT}/audits/two", second, chosen_by=first) == [CAT]
        assert await transaction.spots.numbers(f"{PROJECT}/audits/two", second, chosen_by=first) == {1}
        assert await transaction.spots.of(f"{PROJECT}/audits/two", second) == [EVERYONE]
        assert await transaction.spots.of(f"{PROJECT}/audits/two", first, chosen_by=second) == []


async def test_an_audit_that_has_ended_takes_no_row(store, scene: Scene):
    audit, version = await audit_of_one(scene)
    async with store.transaction() as transaction:
        await transaction.audits.fail(audit, AuditFailure("INTERNAL", ""))

    await add(store, audit, version, CAT)
    await add(store, "projects/default/audits/gone", version, CAT)

    assert await rows_of(store, audit, version) == []


async def test_rows_go_with_their_audit(store, scene: Scene):
    audit, version = await audit_of_one(scene)
    await add(store, audit, version, CAT)

    async with store.transaction() as transaction:
        await transaction.audits.delete(audit)

    assert await rows_of(store, audit, version) == []
