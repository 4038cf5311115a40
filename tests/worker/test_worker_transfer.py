"""The SCORE stage: when the searches have ended, each version scores the subsets that the others found."""

import asyncio
from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditState, Stage
from modicum_server.domain.findings import FindingReason, TransferFinding
from modicum_server.domain.searches import Control, ControlPlan, TargetRule
from modicum_server.domain.tasks import ScoreWork, SearchWork
from modicum_server.model_server import ModelDied, TaskFailed

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import LABELS, SEARCH, Scene, lost_leases

TRANSFER = (ControlPlan(Control.TRANSFER),)
IMAGES = 8


async def audit_of_two(scene: Scene, *, class_labels=(LABELS, LABELS), **fields):
    """Two versions, and the name of an audit of both with the transfer control."""
    versions = tuple(
        [
            await scene.register(digest=digest * 64, class_labels=labels)
            for digest, labels in zip("25", class_labels, strict=True)
        ]
    )
    fields = {"searches": (SEARCH,), "images": IMAGES, "controls": TRANSFER, **fields}
    return versions, await scene.audit_of(versions, **fields)


def scores(server: ArithmeticModelServer) -> list[ScoreWork]:
    return [task.work for task in server.tasks if isinstance(task.work, ScoreWork)]


async def transfers(scene: Scene, audit: str) -> dict[tuple[str, int], tuple[TransferFinding, ...]]:
    return {
        (finding.model_version, finding.position): finding.controls.transfers for finding in await scene.findings(audit)
    }


async def test_every_subset_is_scored_once_by_the_other_version(scene: Scene):
    (first, second), name = await audit_of_two(scene)
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert audit.progress.images_done == audit.progress.images_total == 2 * IMAGES
    found = await transfers(scene, name)
    for source, scorer in ((first, second), (second, first)):
        for position in range(IMAGES):
            kept = position % 2 == 0
            predicted = position % 10 if kept else (position + 1) % 10
            score = TransferFinding(scorer, 0.95 if kept else 0.25, sufficient=kept, predicted_class=predicted)
            assert found[source, position] == (score,)
    assert set(server.scored.values()) == {1}
    # 16 searches of 5 pass-equivalents, and a pass for each subset
    assert audit.progress.passes_done == audit.progress.passes_planned == 2 * IMAGES * 5 + 2 * IMAGES


async def test_scoring_begins_when_all_searches_have_ended_and_searches_know_nothing_of_it(scene: Scene):
    _, name = await audit_of_two(scene)
    server = ArithmeticModelServer()
    scene.work(server)
    await scene.ended(name)

    kinds = [type(task.work) for task in server.tasks]
    assert kinds == [SearchWork, SearchWork, ScoreWork, ScoreWork]
    assert all(task.work.controls == () for task in server.tasks[:2])
    assert {one.threshold for one in scores(server)} == {SEARCH.threshold}
    assert all([item.position for item in one.items] == list(range(IMAGES)) for one in scores(server))


@pytest.mark.long
async def test_an_audit_names_its_stage_while_it_lasts(scene: Scene):
    _, name = await audit_of_two(scene)
    server = ArithmeticModelServer(score_gate=asyncio.Event())
    scene.work(server)
    await until(lambda: scores(server))

    running = await scene.get(name)

    assert (running.state, running.stage) == (AuditState.RUNNING, Stage.SCORE)
    server.score_gate.set()
    assert (await scene.ended(name)).state is AuditState.SUCCEEDED


@pytest.mark.long
async def test_only_the_planned_images_are_scored(scene: Scene):
    _, name = await audit_of_two(scene, controls=(ControlPlan(Control.TRANSFER, images=3),))
    server = ArithmeticModelServer()
    scene.work(server)
    await scene.ended(name)

    scored = await scored_keys(scene, name)
    assert len(scored) == 2 * 3
    assert len({position for _, position in scored}) == 3


async def test_without_the_control_nothing_is_scored(scene: Scene):
    _, name = await audit_of_two(scene, controls=())
    server = ArithmeticModelServer()
    scene.work(server)
    await scene.ended(name)

    assert scores(server) == []


@pytest.mark.long
async def test_each_search_is_scored_by_itself(scene: Scene):
    other = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER, threshold=0.8)
    _, name = await audit_of_two(scene, searches=(SEARCH, other))
    server = ArithmeticModelServer()
    scene.work(server)
    await scene.ended(name)

    assert sorted(one.threshold for one in scores(server)) == [0.8, 0.8, 0.9, 0.9]
    assert all(len(finding.controls.transfers) == 1 for finding in await scene.findings(name))


@pytest.mark.long
async def test_classes_are_matched_by_name(scene: Scene):
    turned = tuple(reversed(LABELS))
    (first, second), name = await audit_of_two(scene, class_labels=(LABELS, turned))
    server = ArithmeticModelServer()
    scene.work(server)
    await scene.ended(name)

    by_second = next(task.work for task in server.tasks[2:] if task.model_version.name == second)
    # class 3 of the first, "d", is class 6 of the second
    assert next(given.target_class for given in by_second.subsets if given.position == 3) == 6
    found = await transfers(scene, name)
    # on an even image the second predicts the target class, on an odd one the next of its own: "c"
    assert found[first, 2][0].predicted_class == 2
    assert found[first, 3][0].predicted_class == 2


@pytest.mark.long
async def test_versions_of_other_classes_do_not_score_each_other(scene: Scene):
    _, name = await audit_of_two(scene, class_labels=(LABELS, (*LABELS[:8], "y", "z")))
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert scores(server) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelDied(), FindingReason.MODEL_DIED),
        (TaskFailed("OUTPUT_NOT_FINITE", "NaN", model_at_fault=True), FindingReason.NOT_FINITE),
        (TaskFailed("HANDLER_BUG", "oh", model_at_fault=False), FindingReason.INTERNAL),
    ],
)
@pytest.mark.long
async def test_an_image_on_which_the_scoring_model_fails_has_a_reason_in_place_of_a_score(scene: Scene, error, reason):
    (first, second), name = await audit_of_two(scene)
    scene.work(ArithmeticModelServer(deadly_scores={3: error}))

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    found = await transfers(scene, name)
    assert found[first, 3] == (TransferFinding(second, reason=reason),)
    assert found[second, 3] == (TransferFinding(first, reason=reason),)
    assert all(each[0].reason is None for (_, position), each in found.items() if position != 3)
    assert audit.progress.images_failed == 0


async def test_an_image_that_cannot_be_scored_says_why(scene: Scene):
    (first, second), name = await audit_of_two(scene)
    scene.work(ArithmeticModelServer(unscored={1: FindingReason.IMAGE_UNREADABLE}))
    await scene.ended(name)

    assert (await transfers(scene, name))[first, 1] == (TransferFinding(second, reason=FindingReason.IMAGE_UNREADABLE),)


@pytest.mark.long
async def test_an_audit_fails_typed_when_the_scoring_model_fails_on_a_grey_image_too(scene: Scene):
    _, name = await audit_of_two(scene)
    scene.work(ArithmeticModelServer(deadly_scores={0: ModelDied()}, grey=ModelDied()))

    audit = await scene.ended(name)

    assert audit.state is AuditState.FAILED
    assert audit.failure.reason == "MODEL_DIED"


@pytest.mark.long
async def test_a_task_that_forgets_a_subset_is_not_done(scene: Scene):
    (first, second), name = await audit_of_two(scene)
    scene.work(ArithmeticModelServer(forgotten_scores=frozenset({5})))

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert (await transfers(scene, name))[first, 5] == (TransferFinding(second, reason=FindingReason.INTERNAL),)


class Inventing(ArithmeticModelServer):
    """Predicts a class that the version does not have."""

    def _scored(self, given):
        return replace(super()._scored(given), predicted_class=10)


@pytest.mark.long
async def test_a_score_with_a_class_that_the_version_does_not_have_is_refused(scene: Scene):
    _, name = await audit_of_two(scene)
    scene.work(Inventing())

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    scores = [score for each in (await transfers(scene, name)).values() for score in each]
    assert [score.reason for score in scores] == [FindingReason.INTERNAL] * 2 * IMAGES


@pytest.mark.long
async def test_a_worker_that_is_killed_while_it_scores_leaves_each_score_once(scene: Scene):
    _, name = await audit_of_two(scene)
    server = ArithmeticModelServer(score_gate=asyncio.Event(), free_scores=3)
    scene.work(server, lease_seconds=1.0, renew_seconds=0.2)
    await until(lambda: enough_scored(scene, name, 3))
    await scene.kill()
    kept = await scored_keys(scene, name)
    second = ArithmeticModelServer()
    scene.work(second)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert {len(scores) for scores in (await transfers(scene, name)).values()} == {1}
    again = {(source, position) for _, source, position in second.scored}
    assert not again & kept, "what is stored is not scored again"


async def scored_keys(scene: Scene, name: str) -> set[tuple[str, int]]:
    return {key for key, scores in (await transfers(scene, name)).items() if scores}


async def enough_scored(scene: Scene, name: str, least: int) -> bool:
    return len(await scored_keys(scene, name)) >= least


@pytest.mark.long
async def test_an_audit_that_is_cancelled_while_it_is_scored_ends_at_once(scene: Scene):
    _, name = await audit_of_two(scene)
    server = ArithmeticModelServer(score_gate=asyncio.Event())
    scene.work(server)
    await until(lambda: scores(server))

    async with scene.store.transaction() as transaction:
        await transaction.audits.cancel(name)
    await until(lambda: server.cancelled_seen)

    assert (await scene.get(name)).state is AuditState.CANCELLED
    await until(lambda: no_shards(scene, name))


async def no_shards(scene: Scene, name: str) -> bool:
    async with scene.store.transaction() as transaction:
        return not await transaction.shards.remaining(name, Stage.SCORE)


@pytest.mark.long
async def test_a_worker_that_lost_its_lease_writes_no_score(scene: Scene):
    _, name = await audit_of_two(scene)
    zombie, next_one = ArithmeticModelServer(score_gate=asyncio.Event()), ArithmeticModelServer()
    next_one.score_gate = asyncio.Event()
    late = scene.work(zombie, lease_seconds=0.1, renew_seconds=60)
    await until(lambda: scores(zombie))
    await until(scene.expired)
    scene.work(next_one)
    await until(lambda: scores(next_one))

    zombie.score_gate.set()
    await until(lambda: lost_leases(late))

    lost = next(task for task in zombie.tasks if isinstance(task.work, ScoreWork))  # then it may take the other shard
    scorers = {score.model_version for each in (await transfers(scene, name)).values() for score in each}
    assert lost.model_version.name not in scorers
    next_one.score_gate.set()
    assert (await scene.ended(name)).state is AuditState.SUCCEEDED
