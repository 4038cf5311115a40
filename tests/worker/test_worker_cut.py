"""Audits whose caller cuts what follows the searches: they succeed, and the result says what was left out."""

import asyncio
import gzip
import json

import pytest
from modicum_server.domain.audits import AuditState, Stage
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.models import Ensemble
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.stopping import Stopping
from modicum_server.model_server import ModelDied
from modicum_server.usecases.stopping import cut_scores

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import PROJECT, SEARCH, Scene, lost_leases

IMAGES = 80
SECOND = f"{PROJECT}/datasets/others"
SPOT, TRANSFER = ControlPlan(Control.SPOT), ControlPlan(Control.TRANSFER)
WHY = "the time is over"


async def audited(scene: Scene, *versions: str, controls=(SPOT,), **more) -> str:
    versions = versions or (await scene.register(),)
    fields = {"searches": [SEARCH], "images": IMAGES, "controls": controls, "stopping": Stopping(), **more}
    return await scene.audit_of(versions, **fields)


async def cut(scene: Scene, audit: str):
    async with scene.store.transaction() as transaction:
        await cut_scores(transaction, audit, WHY)


async def document_of(scene: Scene, audit: str):
    return json.loads(await scene.read((await scene.get(audit)).result_digest))


async def pairs(scene: Scene, names) -> str:
    async with scene.store.transaction() as transaction:
        items = [DatasetItem(name, f"{place + 500:064x}", "a") for place, name in enumerate(names)]
        await transaction.datasets.create(SECOND, "8" * 64, items)
    return SECOND


@pytest.mark.long
async def test_a_spot_test_that_is_not_done_is_left_out_and_the_result_says_so(scene: Scene):
    audit = await audited(scene)
    model_server = ArithmeticModelServer(row_gates={5: asyncio.Event()})
    worker = scene.work(model_server)
    await until(lambda: len(model_server.tested) == 5)

    await cut(scene, audit)
    ended = await scene.ended(audit)

    document = await document_of(scene, audit)
    assert ended.state is AuditState.SUCCEEDED
    assert document["stopping"] == {
        "planned": IMAGES,
        "images": IMAGES,
        "reason": "ASKED",
        "why": [WHY],
        "cut": ["spot"],
    }
    assert document["spots"] == []
    assert document["findings"]["rows"] == IMAGES
    assert (
        f"The audit ended early, after all its searches: {WHY}. Left out: the spot test."
        in document["models"][0]["summary"]
    )
    assert not {"stopped", "stop_asked", "cut_asked"} & document["parameters"].keys()
    assert model_server.cancelled_seen == 1
    assert lost_leases(worker) == 0


async def test_an_audit_that_is_cut_while_it_searches_ends_with_the_searches_that_have_begun(scene: Scene):
    audit = await audited(scene)
    model_server = ArithmeticModelServer(gate=asyncio.Event())
    scene.work(model_server)
    await until(lambda: model_server.tasks)

    await cut(scene, audit)
    model_server.gate.set()
    await scene.ended(audit)

    document = await document_of(scene, audit)
    assert (document["stopping"]["images"], document["stopping"]["cut"]) == (32, ["spot"])
    assert document["stopping"]["why"] == [WHY]
    assert model_server.tested == {}


@pytest.mark.long
async def test_a_cut_of_an_audit_that_plans_no_scores_leaves_nothing_out(scene: Scene):
    audit = await audited(scene, controls=())
    model_server = ArithmeticModelServer(gate=asyncio.Event())
    scene.work(model_server)
    await until(lambda: model_server.tasks)

    await cut(scene, audit)
    model_server.gate.set()
    await scene.ended(audit)

    assert (await document_of(scene, audit))["stopping"]["cut"] == []


async def test_a_kind_of_scores_is_left_out_as_a_whole(scene: Scene):
    """One version has scored all subsets of the other, which has scored a few."""
    versions = [await scene.register(digest=digest * 64) for digest in "25"]
    audit = await audited(scene, *versions, controls=(SPOT, TRANSFER))
    model_server = ArithmeticModelServer(score_gate=asyncio.Event(), free_scores=IMAGES + 3)
    scene.work(model_server)
    await until(lambda: len(model_server.scored) > IMAGES)

    await cut(scene, audit)
    await scene.ended(audit)

    document = await document_of(scene, audit)
    assert document["stopping"]["cut"] == ["spot", "spot_comparison", "transfer"]
    assert {one["measures"]["transfer_class_kept_share"]["value"] for one in document["transfer"]} == {None}
    rows = gzip.decompress(await scene.read(document["findings"]["digest"])).splitlines()
    assert [row for row in map(json.loads, rows) if row["controls"]["transfers"]] == []


@pytest.mark.long
async def test_a_counterfactual_set_that_is_not_done_is_left_out(scene: Scene):
    partners = await pairs(scene, [f"{place}.png" for place in range(IMAGES)])
    audit = await audited(scene, controls=(), counterfactual=partners)
    model_server = ArithmeticModelServer(score_gate=asyncio.Event())
    scene.work(model_server)
    await until(lambda: len(model_server.searched) == IMAGES and len(model_server.tasks) > 1)
    await until(lambda: model_server.busy)

    await cut(scene, audit)
    await scene.ended(audit)

    document = await document_of(scene, audit)
    assert (document["stopping"]["cut"], document["counterfactuals"]) == (["counterfactual"], [])


@pytest.mark.long
async def test_an_ensemble_check_does_not_succeed_without_its_other_data_set(scene: Scene):
    members = [await scene.register(digest=digest * 64) for digest in "25"]
    ensemble = await scene.register(digest="6" * 64, source=Ensemble(tuple(members)))
    others = await pairs(scene, [f"other-{place}.png" for place in range(12)])
    audit = await audited(scene, *members, ensemble, controls=(), images=40, second=others)
    model_server = ArithmeticModelServer(score_gate=asyncio.Event())
    scene.work(model_server)
    await until(lambda: _is_scoring(scene, audit))

    await cut(scene, audit)
    await scene.ended(audit)

    document = await document_of(scene, audit)
    assert document["stopping"]["cut"] == ["out_of_distribution"]
    (check,) = document["mitigation"]
    assert check["verdict"] != "MITIGATED"
    assert check["out_of_distribution"]["item_count"] == 12
    assert check["measures"]["ood_accuracy_difference"]["value"] is None


async def _is_scoring(scene: Scene, audit: str) -> bool:
    return (await scene.get(audit)).stage is Stage.SCORE


@pytest.mark.long
async def test_a_cut_of_an_audit_that_has_ended_changes_nothing(scene: Scene):
    audit = await audited(scene)
    scene.work(ArithmeticModelServer())
    ended = await scene.ended(audit)

    await cut(scene, audit)

    assert await scene.get(audit) == ended
    assert (await document_of(scene, audit))["stopping"]["cut"] == []


@pytest.mark.long
async def test_a_worker_that_died_while_scoring_does_not_hold_up_an_audit_that_is_cut(scene: Scene):
    audit = await audited(scene)
    first = ArithmeticModelServer(row_gates={5: asyncio.Event()})
    scene.work(first, lease_seconds=0.5)
    await until(lambda: len(first.tested) == 5)
    await scene.kill()
    await cut(scene, audit)

    second = ArithmeticModelServer()
    scene.work(second)
    ended = await scene.ended(audit)
    await until(scene.expired)

    assert ended.state is AuditState.SUCCEEDED
    assert (await document_of(scene, audit))["stopping"]["cut"] == ["spot"]
    assert second.tasks == []
    assert await scene.claim() is None


@pytest.mark.long
async def test_a_model_that_dies_as_its_audit_is_cut_does_not_fail_it(scene: Scene):
    audit = await audited(scene)
    model_server = ArithmeticModelServer(row_gates={5: asyncio.Event()}, deadly_rows={5: [ModelDied()]})
    scene.work(model_server, renew_seconds=60)
    await until(lambda: len(model_server.tested) == 5)

    async with scene.store.transaction() as transaction:
        await cut_scores(transaction, audit, WHY)
        model_server.row_gates[5].set()
        await until(lambda: not model_server.deadly_rows[5])
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    assert model_server.tested == dict.fromkeys(range(5), 1)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("gated", ["gate", "row_gates"])
async def test_a_result_that_was_cut_is_not_reused(scene: Scene, gated):
    event = asyncio.Event()
    model_server = ArithmeticModelServer(gate=event) if gated == "gate" else ArithmeticModelServer(row_gates={5: event})
    audit = await audited(scene)
    scene.work(model_server)
    await until(lambda: model_server.busy if gated == "gate" else len(model_server.tested) == 5)
    await cut(scene, audit)
    event.set()
    await scene.ended(audit)

    async with scene.store.transaction() as transaction:
        assert await transaction.audits.reusable(PROJECT, "several") is None
