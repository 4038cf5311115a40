"""An erased picture goes from results, verdicts and files; what a crash leaves undone is done by the next worker."""

import asyncio
import json
from dataclasses import replace

import pytest
from modicum_server.domain.audits import Audit, AuditState
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.digests import digest_of
from modicum_server.domain.erasures import IMAGE_ERASED, ErasedOutcome, Erasure, ErasureState
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.spots import positions_of
from modicum_server.domain.verdicts import Verdict, VerdictOutcome
from modicum_server.usecases.artifacts import hold_files
from modicum_server.usecases.erasing import ErasedPicture, Erasing
from modicum_server.usecases.result_facts import outcome_in
from modicum_server.worker import erasing

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import DATASET, LABELS, PROJECT, SEARCH, Scene

ADMIN = Principal("ada", {PROJECT: Role.ADMIN})
CHANGED, SECOND = f"{PROJECT}/datasets/changed", f"{PROJECT}/datasets/second"
SPOT = (ControlPlan(Control.SPOT),)
ERASED = 3
"""The position of the picture that is erased."""


def picture(place: int) -> bytes:
    return f"picture {place}".encode()


IMAGE = digest_of(picture(ERASED))


async def upload(scene: Scene, *files: bytes) -> None:
    async with scene.store.transaction() as transaction:
        await hold_files(transaction, scene.artifact_store, PROJECT, files)


async def dataset(scene: Scene, name: str, places: range) -> None:
    """A data set of these pictures, whose bytes the project holds."""
    await upload(scene, *map(picture, places))
    items = [DatasetItem(f"{place}.png", digest_of(picture(place)), LABELS[place % 10]) for place in places]
    async with scene.store.transaction() as transaction:
        await transaction.datasets.create(name, "3" * 64, items)


async def changed_dataset(scene: Scene) -> None:
    """A data set of twelve pictures, and one with partners of ten of them."""
    await dataset(scene, DATASET, range(100, 112))
    await upload(scene, *map(picture, range(10)))
    items = [DatasetItem(f"{place}.png", digest_of(picture(place - 100)), "") for place in range(100, 110)]
    async with scene.store.transaction() as transaction:
        await transaction.datasets.create(CHANGED, "8" * 64, items)


async def erase(scene: Scene) -> Erasure:
    return await Erasing(scene.store).erase(ADMIN, PROJECT, ErasedPicture(IMAGE))


async def state_of(scene: Scene, erasure: Erasure) -> ErasureState:
    return (await Erasing(scene.store).get(ADMIN, erasure.name)).state


async def done(scene: Scene, erasure: Erasure) -> Erasure:
    async def is_done() -> bool:
        return await state_of(scene, erasure) is ErasureState.DONE

    await until(is_done)
    return await Erasing(scene.store).get(ADMIN, erasure.name)


async def document(scene: Scene, audit: Audit) -> dict:
    return json.loads(await scene.read(audit.result_digest))


async def files(scene: Scene) -> set[str]:
    return {digest async for digest in scene.artifact_store.stored("")}


async def verdict_with_pictures(scene: Scene, audit: Audit) -> Verdict:
    """A stored verdict whose document shows the picture."""
    text = json.dumps({"kind": "modicum.verdict", "worst_spot": {"pictures": [{"uri": "data:PICTURE"}]}}).encode()
    await upload(scene, text)
    verdict = Verdict(
        name=f"{PROJECT}/verdicts/v",
        audit=audit.name,
        model_versions=audit.specification.model_versions,
        outcome=VerdictOutcome.FAIL,
        summary="FAIL",
        rules=(),
        result_digest=audit.result_digest,
        policy_digest="9" * 64,
        baseline="",
        baseline_digest="",
        document_digest=digest_of(text),
        principal="otto",
        create_time=audit.create_time,
    )
    async with scene.store.transaction() as transaction:
        created = await transaction.verdicts.create(verdict)
    assert created is not None
    return created


async def test_results_are_made_anew_without_the_picture_and_say_so(scene: Scene):
    await dataset(scene, DATASET, range(80))
    version = await scene.register()
    name = await scene.audit(version, images=80, controls=SPOT)
    scene.work(ArithmeticModelServer())
    before = await scene.ended(name)
    old = await document(scene, before)

    erasure = await done(scene, await erase(scene))

    after = await scene.get(name)
    new = await document(scene, after)
    assert (old["dataset"]["erased"], new["dataset"]["erased"], after.erased) == (0, 1, 1)
    assert (old["findings"]["rows"], new["findings"]["rows"]) == (80, 79)
    assert new["models"][0]["summary"][-1] == (
        "1 image was erased after the audit; these figures are about the other images."
    )
    assert after.outcome == outcome_in(new)
    assert IMAGE not in {finding.image_digest for finding in await scene.findings(name)}
    (result,) = erasure.receipt.results
    assert result.outcome is ErasedOutcome.SUMMARISED
    assert (result.findings_digest_before, result.findings_digest) == (
        old["findings"]["digest"],
        new["findings"]["digest"],
    )
    assert (result.result_digest_before, result.result_digest) == (before.result_digest, after.result_digest)


@pytest.mark.long
async def test_the_rows_of_the_spot_test_and_their_figures_lose_its_pairs(scene: Scene):
    await dataset(scene, DATASET, range(80))
    version = await scene.register()
    name = await scene.audit(version, images=80, controls=SPOT)
    scene.work(ArithmeticModelServer())
    await scene.ended(name)

    erasure = await done(scene, await erase(scene))

    async with scene.store.transaction() as transaction:
        rows = await transaction.spots.of(name, version)
    assert not any(ERASED in positions_of(row) for row in rows)
    assert len(rows) == 11
    assert rows[ERASED + 1].sources == 7  # of eight images of its class
    assert erasure.receipt.spot_rows >= 2
    (test,) = (await document(scene, await scene.get(name)))["spots"]
    shown = next(row for row in test["rows"] if row["label"] == LABELS[ERASED])
    assert {count["source"] for place in shown["places"] for count in place["pasted"]} == {13, 23, 33, 43, 53, 63, 73}


async def test_the_file_of_the_picture_and_those_of_the_old_result_go(scene: Scene):
    await dataset(scene, DATASET, range(20))
    name = await scene.audit(await scene.register(), images=20)
    scene.work(ArithmeticModelServer())
    before = await scene.ended(name)
    old_findings = (await document(scene, before))["findings"]["digest"]

    erasure = await done(scene, await erase(scene))

    gone = {IMAGE, before.result_digest, old_findings}
    assert gone & await files(scene) == set()
    assert set(erasure.receipt.artifacts) == gone
    async with scene.store.transaction() as transaction:
        assert await transaction.artifacts.held(PROJECT, sorted(gone)) == frozenset()
        after = await scene.get(name)
        assert await transaction.artifacts.held(PROJECT, [after.result_digest]) == {after.result_digest}


async def test_a_verdict_keeps_what_it_says_and_loses_its_pictures(scene: Scene):
    await dataset(scene, DATASET, range(20))
    name = await scene.audit(await scene.register(), images=20)
    scene.work(ArithmeticModelServer())
    verdict = await verdict_with_pictures(scene, await scene.ended(name))

    erasure = await done(scene, await erase(scene))

    async with scene.store.transaction() as transaction:
        after = await transaction.verdicts.get(verdict.name)
    assert after is not None
    assert json.loads(await scene.read(after.document_digest)) == {"kind": "modicum.verdict", "worst_spot": None}
    assert replace(after, document_digest=verdict.document_digest) == verdict
    assert verdict.document_digest not in await files(scene)
    assert erasure.receipt.verdicts == (verdict.name,)


async def test_an_audit_of_that_picture_alone_has_no_result_any_more(scene: Scene):
    await dataset(scene, DATASET, range(ERASED, ERASED + 1))
    name = await scene.audit(await scene.register(), images=1)
    scene.work(ArithmeticModelServer())
    await scene.ended(name)

    erasure = await done(scene, await erase(scene))

    after = await scene.get(name)
    assert (after.state, after.result_digest) == (AuditState.FAILED, "")
    assert after.failure is not None
    assert after.failure.reason == IMAGE_ERASED
    assert [one.outcome for one in erasure.receipt.results] == [ErasedOutcome.REMOVED]


@pytest.mark.long
async def test_an_audit_that_was_gone_a_moment_ago_and_is_there_now_keeps_its_result(scene: Scene, monkeypatch):
    """As when it is deleted and created again under its name, while the worker reads it."""
    await dataset(scene, DATASET, range(20))
    name = await scene.audit(await scene.register(), images=20)
    scene.work(ArithmeticModelServer())
    await scene.ended(name)
    made, looks = erasing._anew, []

    async def gone_at_first(*given):
        looks.append(given)
        return None if len(looks) == 1 else await made(*given)

    monkeypatch.setattr(erasing, "_anew", gone_at_first)

    erasure = await done(scene, await erase(scene))

    assert [one.outcome for one in erasure.receipt.results] == [ErasedOutcome.SUMMARISED]
    assert (await scene.get(name)).state is AuditState.SUCCEEDED
    assert len(looks) == 2


@pytest.mark.long
async def test_a_partner_and_a_picture_of_another_distribution_go_from_the_result(scene: Scene):
    await changed_dataset(scene)
    name = await scene.audit_of([await scene.register()], searches=(SEARCH,), images=12, counterfactual=CHANGED)
    scene.work(ArithmeticModelServer())
    before = await document(scene, await scene.ended(name))

    erasure = await done(scene, await erase(scene))

    after = await document(scene, await scene.get(name))
    pairs = [one["counterfactuals"][0]["pairs"] for one in (before, after)]
    assert pairs == [10, 9]
    assert (erasure.receipt.findings, erasure.receipt.predictions) == (0, 1)
    assert after["dataset"]["erased"] == 1


@pytest.mark.long
async def test_a_new_audit_has_no_pair_with_an_erased_partner(scene: Scene):
    await changed_dataset(scene)
    scene.work(ArithmeticModelServer())
    await done(scene, await erase(scene))

    name = await scene.audit_of([await scene.register()], searches=(SEARCH,), images=12, counterfactual=CHANGED)

    told = await document(scene, await scene.ended(name))
    async with scene.store.transaction() as transaction:
        assert await transaction.datasets.indices_of(CHANGED, {IMAGE}) == {ERASED}
    assert told["counterfactuals"][0]["pairs"] == 9


@pytest.mark.long
async def test_an_erasure_that_no_worker_finished_is_finished_by_the_next_one(scene: Scene, monkeypatch):
    await dataset(scene, DATASET, range(20))
    names = [await scene.audit(await scene.register(), images=20, name=each) for each in ("one", "two")]
    scene.work(ArithmeticModelServer())
    for name in names:
        await scene.ended(name)
    await scene.stop()
    begun = await erase(scene)
    stuck = asyncio.Event()

    async def never(*_: object) -> None:
        stuck.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(scene.artifact_store, "delete", never, raising=True)
        scene.work(ArithmeticModelServer())
        await stuck.wait()
        await scene.kill()
    assert await state_of(scene, begun) is ErasureState.RUNNING
    assert IMAGE in await files(scene)
    scene.work(ArithmeticModelServer())

    erasure = await done(scene, begun)

    assert IMAGE not in await files(scene)
    assert [one.outcome for one in erasure.receipt.results] == [ErasedOutcome.SUMMARISED] * 2
    for name in names:
        assert (await document(scene, await scene.get(name)))["findings"]["rows"] == 19
