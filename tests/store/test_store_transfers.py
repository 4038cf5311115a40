"""Other versions' scores of a finding's subset: once each, in the audit's order, and none after its end."""

import asyncio
from dataclasses import replace

import pytest
from modicum_server.domain.findings import FindingReason, FoundSubset, Subset, Transfer, TransferFinding
from modicum_server.store.postgres import PostgresStore

from tests.store.store_scene import PROJECT, Scene, audit_value, finding

MASK = Subset(b"\xf0\x00", 4, 4, 4)


async def audit_of_three(scene: Scene) -> tuple[str, list[str]]:
    versions = [await scene.model(name) for name in ("first", "second", "third")]
    one = await scene.audit("base", version=versions[0])
    value = audit_value(f"{PROJECT}/audits/three", versions[0], one.specification.dataset, 4)
    several = replace(value, specification=replace(value.specification, model_versions=tuple(versions)))
    async with scene.store.transaction() as transaction:
        await transaction.audits.create(several, range(4))
        found = [finding(place, name, target_class=place) for name in versions for place in range(4)]
        await transaction.findings.add(several.name, found)
    return several.name, versions


async def scores_of(store: PostgresStore, audit: str, place: str) -> tuple[TransferFinding, ...]:
    async with store.transaction() as transaction:
        found = await transaction.findings.get(f"{audit}/findings/{place}")
    assert found is not None
    return found.controls.transfers


async def add(store: PostgresStore, audit: str, *transfers: Transfer) -> None:
    async with store.transaction() as transaction:
        await transaction.findings.add_transfers(audit, 0, transfers)


async def test_a_score_belongs_to_its_finding_only(store, scene: Scene):
    audit, (first, second, _) = await audit_of_three(scene)
    score = TransferFinding(second, 0.91, sufficient=True, predicted_class=2)

    await add(store, audit, Transfer(1, first, score))

    assert await scores_of(store, audit, "0-0-1") == (score,)
    others = [f"{version}-0-{place}" for version in range(3) for place in range(4) if (version, place) != (0, 1)]
    assert [await scores_of(store, audit, place) for place in others] == [()] * 11


async def test_the_first_score_of_a_version_stays_and_scores_follow_the_audits_order(store, scene: Scene):
    audit, (first, second, third) = await audit_of_three(scene)
    by_third, by_second = TransferFinding(third, reason=FindingReason.MODEL_DIED), TransferFinding(second, 0.5)

    await add(store, audit, Transfer(0, first, by_third), Transfer(0, first, replace(by_third, confidence=0.1)))
    await add(store, audit, Transfer(0, first, by_second))
    await add(store, audit, Transfer(0, first, replace(by_second, confidence=0.9)))

    assert await scores_of(store, audit, "0-0-0") == (by_second, by_third)


async def test_concurrent_scores_of_two_versions_are_both_kept(store, scene: Scene):
    audit, (first, second, third) = await audit_of_three(scene)

    await asyncio.gather(
        *(
            add(store, audit, *(Transfer(place, first, TransferFinding(scorer, 0.5)) for place in order))
            for scorer, order in ((second, range(4)), (third, reversed(range(4))))
        )
    )

    for place in range(4):
        scorers = [score.model_version for score in await scores_of(store, audit, f"0-0-{place}")]
        assert scorers == [second, third]


async def test_other_versions_subsets_without_a_score_are_left_to_score(store, scene: Scene):
    audit, (first, second, third) = await audit_of_three(scene)
    await add(store, audit, Transfer(2, first, TransferFinding(second, 0.5)))

    async with store.transaction() as transaction:
        left = await transaction.findings.unscored_subsets(audit, second, 0, [3, 2])
        of_another = await transaction.findings.unscored_subsets(audit, second, 1, [3, 2])

    expected = [(2, third), (3, first), (3, third)]
    assert left == [FoundSubset(position, version, position, MASK) for position, version in expected]
    assert of_another == []


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "no_evidence",
    [{"size": None}, {"baseline_confident": True}, {"budget_exhausted": True}],
    ids=["none", "the bare fill's doing", "the whole image"],
)
async def test_a_subset_without_evidence_is_not_scored(store, scene: Scene, no_evidence):
    base = await scene.audit("base")
    version = base.specification.model_versions[0]
    async with store.transaction() as transaction:
        await transaction.findings.add(base.name, [finding(0, version, target_class=1, **no_evidence)])
        await transaction.findings.add(base.name, [finding(1, version, target_class=1)])

        assert await transaction.findings.subset_positions(base.name, version, 0) == {1}
        left = await transaction.findings.unscored_subsets(base.name, "another", 0, [0, 1])
        assert [one.position for one in left] == [1]


async def test_an_ended_audit_accepts_no_score(store, scene: Scene):
    audit, (first, second, _) = await audit_of_three(scene)
    async with store.transaction() as transaction:
        await transaction.audits.cancel(audit)

    await add(store, audit, Transfer(0, first, TransferFinding(second, 0.5)))
    await add(store, f"{PROJECT}/audits/gone", Transfer(0, first, TransferFinding(second, 0.5)))

    assert await scores_of(store, audit, "0-0-0") == ()
