"""The counterfactual data set: once the searches have ended, every version predicts the partners of the images."""

import json

import pytest
from modicum_server.domain.audits import COUNTERFACTUAL, AuditState
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import FindingReason, Prediction
from modicum_server.domain.tasks import ScoreWork

from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import PROJECT, SEARCH, Scene

CHANGED = f"{PROJECT}/datasets/changed"
IMAGES, PAIRS = 12, 10
"""The last two images have no partner."""


async def audit_with_counterfactuals(scene: Scene) -> tuple[tuple[str, ...], str]:
    """Two versions, audited on twelve images of which ten have a partner; one partner is of no audited image.

    The model predicts class n % 10 on image n, the same on its counterfactual if n is even, else the next class.
    """
    versions = (await scene.register(digest="2" * 64), await scene.register(digest="5" * 64))
    names = [*(f"{place}.png" for place in reversed(range(PAIRS))), "another.png"]
    items = [DatasetItem(name, f"{place + 50:064x}", "") for place, name in enumerate(names)]
    async with scene.store.transaction() as transaction:
        await transaction.datasets.create(CHANGED, "8" * 64, items)
    name = await scene.audit_of(versions, searches=(SEARCH,), images=IMAGES, counterfactual=CHANGED)
    return versions, name


async def predictions(scene: Scene, audit: str, version: str) -> dict[int, Prediction]:
    async with scene.store.transaction() as transaction:
        return dict(await transaction.predictions.of(audit, version, COUNTERFACTUAL))


@pytest.mark.long
async def test_every_version_predicts_the_partner_of_each_image_once_and_whole(scene: Scene):
    versions, name = await audit_with_counterfactuals(scene)
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    for version in versions:
        found = await predictions(scene, name, version)
        assert [found[n].predicted_class for n in range(PAIRS)] == [(n + n % 2) % 10 for n in range(PAIRS)]
        assert {one.confidence for one in found.values()} == {0.95, 0.25}
    assert set(server.scored.values()) == {1}
    works = [task.work for task in server.tasks if isinstance(task.work, ScoreWork)]
    assert {given.target_class for work in works for given in work.subsets if given.position == 7} == {7}
    # the image of a position is that of the partner by name, wherever it stands in its data set
    assert {item.image_digest for work in works for item in work.items if item.position == 9} == {f"{50:064x}"}
    assert audit.progress.passes_done == 2 * (IMAGES * 5 + PAIRS)


async def test_the_result_compares_both_sides_of_the_pairs(scene: Scene):
    versions, name = await audit_with_counterfactuals(scene)
    scene.work(ArithmeticModelServer())
    await scene.ended(name)

    entries = json.loads(await scene.read((await scene.get(name)).result_digest))["counterfactuals"]

    assert [entry["model_version"] for entry in entries] == list(versions)
    first = entries[0]
    assert (first["dataset"], first["item_count"], first["pairs"]) == (CHANGED, PAIRS + 1, PAIRS)
    assert first["unpaired_items"] == ["10.png", "11.png"]
    values = {name: (one["value"], one["n"]) for name, one in first["measures"].items()}
    assert values == {
        "counterfactual_original_accuracy": (1.0, PAIRS),
        "counterfactual_accuracy": (0.5, PAIRS),
        "counterfactual_accuracy_loss": (0.5, PAIRS),
        "counterfactual_changed_share": (0.5, PAIRS),
    }
    assert first["examples"][0]["counterfactual_digest"] == f"{58:064x}"


@pytest.mark.long
async def test_a_partner_that_cannot_be_read_is_stored_with_its_reason(scene: Scene):
    versions, name = await audit_with_counterfactuals(scene)
    scene.work(ArithmeticModelServer(unscored={1: FindingReason.IMAGE_UNREADABLE}))

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    found = await predictions(scene, name, versions[0])
    assert found[1] == Prediction(1, reason=FindingReason.IMAGE_UNREADABLE)


@pytest.mark.long
async def test_an_image_on_which_the_original_failed_has_no_pair(scene: Scene):
    versions, name = await audit_with_counterfactuals(scene)
    scene.work(ArithmeticModelServer(unreadable=frozenset({3})))

    await scene.ended(name)

    assert set(await predictions(scene, name, versions[0])) == set(range(PAIRS)) - {3}


async def test_an_audit_holds_its_counterfactual_data_set(scene: Scene):
    _, name = await audit_with_counterfactuals(scene)

    async with scene.store.transaction() as transaction:
        assert await transaction.datasets.audits_of(CHANGED) == [name]
