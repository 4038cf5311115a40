"""Audits that may end early: where they end follows from the findings alone, and a caller's stop keeps what began."""

import asyncio
import json
from dataclasses import replace

import pytest
from modicum_server.domain.audits import Audit, AuditState, Stage
from modicum_server.domain.searches import Control, ControlPlan, SearchMethod
from modicum_server.domain.stopping import ShareLimit, Stopping
from modicum_server.measures.early_end import SharesSoFar
from modicum_server.usecases.draws import draw_order
from modicum_server.usecases.stopping import stop_searches
from modicum_server.worker.settle import early_end

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import SEARCH, Scene

IMAGES = 160
WITHIN = Stopping(limits=(ShareLimit(measure="overinterpretation_rate", at_most=0.3),), within_ends=True)
BEYOND = Stopping(limits=(ShareLimit(measure="overinterpretation_rate", at_least=0.3, error=0.001),))
"""No subset of a 4x4 canvas is small enough, so the share is 0."""
FIRST = set(draw_order(seed=0, item_count=IMAGES)[:32])
OTHER = SEARCH.__class__(SearchMethod.MASK_OPTIMIZATION, 0.8, passes=5)


async def of(scene: Scene, stopping, **more):
    return await scene.audit_of([await scene.register()], searches=[SEARCH], images=IMAGES, stopping=stopping, **more)


async def document_of(scene: Scene, ended: Audit):
    return json.loads(await scene.read(ended.result_digest))


async def stop(scene: Scene, audit: str):
    async with scene.store.transaction() as transaction:
        await stop_searches(transaction, audit, "the test is over")


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("stopping", "why"),
    [
        (WITHIN, "every share lies within its limits"),
        (BEYOND, "overinterpretation_rate lies beyond its limit (0 of 32)"),
    ],
)
async def test_an_audit_ends_at_the_first_look_that_settles_it_and_says_so(scene: Scene, stopping, why):
    audit = await of(scene, stopping)
    model_server = ArithmeticModelServer()

    scene.work(model_server)
    ended = await scene.ended(audit)

    document = await document_of(scene, ended)
    assert ended.state is AuditState.SUCCEEDED
    assert document["stopping"] == {"planned": IMAGES, "images": 32, "reason": "SETTLED", "why": [why], "cut": []}
    assert {finding.position for finding in await scene.findings(audit)} == FIRST == set(model_server.searched)
    assert document["dataset"]["audited"] == document["findings"]["rows"] == 32
    assert (ended.progress.images_done, ended.progress.images_total) == (32, 32)
    assert not {"stopped", "stop_asked"} & document["parameters"].keys()


@pytest.mark.parametrize(
    "stopping",
    [
        pytest.param(Stopping(), id="no limits"),
        pytest.param(Stopping(limits=WITHIN.limits), id="within its limits, which does not end it"),
        pytest.param(
            Stopping(limits=WITHIN.limits, within_ends=True, least_eligible_images=IMAGES), id="too few eligible images"
        ),
        pytest.param(
            Stopping(limits=(ShareLimit(measure="subset_fraction_median", at_most=0.9),), within_ends=True),
            id="no share",
        ),
    ],
)
@pytest.mark.long
async def test_an_audit_that_nothing_settles_does_all_its_images(scene: Scene, stopping):
    audit = await of(scene, stopping)

    scene.work(ArithmeticModelServer())
    ended = await scene.ended(audit)

    document = await document_of(scene, ended)
    assert document["stopping"] == {"planned": IMAGES, "images": IMAGES, "reason": "", "why": [], "cut": []}
    assert ended.progress.images_done == IMAGES


OF_A_CLASS = ShareLimit(measure="overinterpretation_rate", at_least=0.5, error=0.2, class_label="d")


@pytest.mark.parametrize(("label", "images"), [("d", 96), ("no class of the model", IMAGES)])
@pytest.mark.long
async def test_an_audit_ends_where_one_class_settles_it(scene: Scene, label, images):
    """Of the first 96 images 7 are of the class: 0 of 7 lies beyond 0.5 with a p of 0.16, 0 of 6 with one of 0.28."""
    audit = await of(scene, Stopping(limits=(replace(OF_A_CLASS, class_label=label),)))

    scene.work(ArithmeticModelServer())

    stopping = (await document_of(scene, await scene.ended(audit)))["stopping"]
    assert stopping["images"] == images
    assert all("overinterpretation_rate of d lies beyond" in why for why in stopping["why"])


@pytest.mark.long
async def test_an_audit_without_stopping_has_no_word_of_it(scene: Scene):
    audit = await of(scene, None)

    scene.work(ArithmeticModelServer())

    assert (await document_of(scene, await scene.ended(audit)))["stopping"] is None


@pytest.mark.long
async def test_shards_that_end_out_of_turn_move_no_look(scene: Scene):
    """The first shard waits while another slot does the others: the audit ends at the first look all the same."""
    audit = await of(scene, WITHIN)
    slow, quick = ArithmeticModelServer(gate=asyncio.Event()), ArithmeticModelServer()
    scene.work(slow)
    await until(lambda: slow.tasks)
    scene.work(quick)
    await until(lambda: len(quick.searched) == IMAGES - 32)

    slow.gate.set()
    document = await document_of(scene, await scene.ended(audit))

    assert document["stopping"]["images"] == 32
    assert {finding.position for finding in await scene.findings(audit)} == FIRST


@pytest.mark.long
async def test_looks_are_taken_only_when_a_shard_completes_one(scene: Scene, monkeypatch):
    """Of eight shards of 8 images the fourth and the last complete a look; the end of the searches looks again."""
    looked = []

    class Counted(SharesSoFar):
        def __init__(self, *given):
            looked.append(given)
            super().__init__(*given)

    monkeypatch.setattr(early_end, "SharesSoFar", Counted)
    version = await scene.register()
    stopping = Stopping(limits=(ShareLimit(measure="subset_fraction_median", at_most=0.9),))
    audit = await scene.audit_of([version], searches=[SEARCH], images=64, stopping=stopping, shard_images=8)
    model_server = ArithmeticModelServer()
    scene.work(model_server)

    await scene.ended(audit)

    assert len(model_server.tasks) == 8
    assert len(looked) == 3


@pytest.mark.long
async def test_after_a_worker_is_killed_the_audit_ends_at_the_same_look(scene: Scene):
    audit = await of(scene, WITHIN)
    first = ArithmeticModelServer(gate=asyncio.Event(), free_images=10)
    scene.work(first, lease_seconds=0.5)
    await until(lambda: len(first.searched) == 10)
    await scene.kill()

    scene.work(ArithmeticModelServer())
    ended = await scene.ended(audit)

    document = await document_of(scene, ended)
    assert (document["stopping"]["images"], document["stopping"]["reason"]) == (32, "SETTLED")
    assert {finding.position for finding in await scene.findings(audit)} == FIRST


async def test_a_stop_lets_what_has_begun_end_and_nothing_else_begin(scene: Scene):
    audit = await of(scene, Stopping())
    model_server = ArithmeticModelServer(gate=asyncio.Event())
    scene.work(model_server)
    await until(lambda: model_server.tasks)

    await stop(scene, audit)
    model_server.gate.set()
    ended = await scene.ended(audit)

    document = await document_of(scene, ended)
    assert document["stopping"] == {
        "planned": IMAGES,
        "images": 32,
        "reason": "ASKED",
        "why": ["the test is over"],
        "cut": [],
    }
    assert set(model_server.searched) == FIRST


@pytest.mark.long
async def test_a_stop_before_anything_began_gives_a_result_about_no_image(scene: Scene):
    audit = await of(scene, Stopping(), controls=(ControlPlan(Control.SPOT),))

    await stop(scene, audit)
    scene.work(ArithmeticModelServer())
    ended = await scene.ended(audit)

    document = await document_of(scene, ended)
    assert (ended.state, document["stopping"]["images"], document["findings"]["rows"]) == (AuditState.SUCCEEDED, 0, 0)


@pytest.mark.long
async def test_a_second_stop_and_a_stop_after_the_searches_change_nothing(scene: Scene):
    audit = await of(scene, Stopping())
    await stop(scene, audit)
    await stop(scene, audit)
    async with scene.store.transaction() as transaction:
        assert await transaction.shards.remaining(audit, Stage.SEARCH) == 1

    scene.work(ArithmeticModelServer())
    ended = await scene.ended(audit)
    await stop(scene, audit)

    assert await scene.get(audit) == ended


async def test_a_shard_that_was_halved_has_begun_so_a_stop_finishes_both_halves(scene: Scene):
    """Else a stop would drop the images of a model that dies, and keep those of one that does not."""
    audit = await of(scene, Stopping())
    shard = await scene.claim()
    async with scene.store.transaction() as transaction:
        await transaction.shards.split(shard)

    await stop(scene, audit)
    model_server = ArithmeticModelServer()
    scene.work(model_server)
    await scene.ended(audit)

    assert set(model_server.searched) == set(shard.positions) == FIRST


@pytest.mark.long
async def test_searches_go_side_by_side_and_a_stop_finishes_images_that_one_has_begun(scene: Scene):
    version = await scene.register()
    audit = await scene.audit_of([version], searches=[SEARCH, OTHER], images=IMAGES, stopping=Stopping())
    model_server = ArithmeticModelServer(gate=asyncio.Event())
    scene.work(model_server)
    await until(lambda: model_server.tasks)

    await stop(scene, audit)
    model_server.gate.set()
    document = await document_of(scene, await scene.ended(audit))

    assert document["stopping"]["images"] == 32
    assert [search["counts"]["images"] for search in document["models"][0]["searches"]] == [32, 32]


@pytest.mark.long
async def test_a_result_that_a_caller_stopped_is_not_reused_and_one_that_settled_is(scene: Scene):
    settled = await of(scene, WITHIN, name="settled")
    scene.work(ArithmeticModelServer())
    await scene.ended(settled)
    asked = await scene.audit_of(
        [(await scene.get(settled)).specification.model_versions[0]],
        searches=[SEARCH],
        images=IMAGES,
        stopping=Stopping(),
        name="asked",
    )
    await stop(scene, asked)
    await scene.ended(asked)

    async with scene.store.transaction() as transaction:
        reused = [await transaction.audits.reusable("projects/default", name) for name in ("settled", "asked")]
    assert [None if one is None else one.name for one in reused] == [settled, None]
