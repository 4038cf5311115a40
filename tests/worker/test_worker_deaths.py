"""Models that die, hang, run out of memory or report nonsense."""

import json
from contextlib import aclosing
from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditFailure, AuditItem, AuditState
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import Executable, ExecutableKind, VersionState
from modicum_server.domain.searches import Search, SearchMethod
from modicum_server.domain.tasks import CheckWork, SearchWork, TaskFindings
from modicum_server.model_server import ModelDied, ModelHung, ModelOutOfMemory, ModelServerDown, TaskFailed

from tests.waiting import until
from tests.worker.arithmetic_model_server import CHECK, ArithmeticModelServer, finding_of
from tests.worker.worker_scene import Scene


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelDied(), FindingReason.MODEL_DIED),
        (ModelHung(), FindingReason.MODEL_DIED),
        (ModelOutOfMemory(), FindingReason.MODEL_DIED),
        (TaskFailed("OUTPUT_NOT_FINITE", "NaN", model_at_fault=True), FindingReason.NOT_FINITE),
        (TaskFailed("HANDLER_BUG", "oh", model_at_fault=False), FindingReason.INTERNAL),
    ],
)
async def test_the_image_on_which_the_model_fails_becomes_a_finding_and_the_others_are_measured(
    scene: Scene, error, reason
):
    version = await scene.register()
    audit = await scene.audit(version, images=8)
    model_server = ArithmeticModelServer(deadly={2: error})

    scene.work(model_server)
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    findings = await scene.findings(audit)
    assert [finding.reason for finding in findings] == [reason if place == 2 else None for place in range(8)]
    assert set(model_server.searched.values()) == {1}
    assert ended.progress.images_failed == 1
    assert ended.progress.images_done == 8


@pytest.mark.long
async def test_two_deadly_images_in_one_shard_are_both_found(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=8)

    scene.work(ArithmeticModelServer(deadly={1: ModelDied(), 6: ModelDied()}))
    await scene.ended(audit)

    died = [finding.position for finding in await scene.findings(audit) if finding.reason is FindingReason.MODEL_DIED]
    assert died == [1, 6]


async def test_a_shard_is_tried_three_times_before_the_grey_image_is_run(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=1)
    model_server = ArithmeticModelServer(deadly={0: ModelDied()})

    scene.work(model_server)
    await scene.ended(audit)

    assert [isinstance(task.work, CheckWork) for task in model_server.tasks] == [False, False, False, True]
    assert [task.attempt for task in model_server.tasks] == [1, 2, 3, 3]


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelDied(), "MODEL_DIED"),
        (ModelOutOfMemory(), "MODEL_OUT_OF_MEMORY"),
        (TaskFailed("OUTPUT_NOT_FINITE", "the output holds NaN", model_at_fault=True), "OUTPUT_NOT_FINITE"),
    ],
)
async def test_an_audit_fails_typed_when_the_model_fails_on_a_grey_image_too(scene: Scene, error, reason):
    version = await scene.register()
    audit = await scene.audit(version, images=4, shards=[range(2), range(2, 4)])

    worker = scene.work(ArithmeticModelServer(deadly={1: error}, grey=error))
    ended = await scene.ended(audit)

    assert ended.state is AuditState.FAILED
    assert ended.failure is not None
    assert ended.failure.reason == reason
    assert "grey" in ended.failure.detail
    await until(lambda: nothing_queued(scene))
    assert worker.metrics.registry.get_sample_value("modicum_worker_audits_ended_total", {"outcome": "failed"}) == 1


@pytest.mark.long
async def test_a_device_that_no_worker_has_is_not_the_models_fault(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=1)
    absent = TaskFailed("DEVICE_UNAVAILABLE", "expected a worker with a GPU", model_at_fault=False)
    model_server = ArithmeticModelServer(deadly={0: absent}, grey=absent)

    scene.work(model_server)
    ended = await scene.ended(audit)

    assert ended.failure == AuditFailure("DEVICE_UNAVAILABLE", str(absent))
    assert [task.attempt for task in model_server.tasks] == [1, 2, 3]


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "error",
    [
        TaskFailed("CANVAS_TOO_LARGE", "got 4096 x 4096", model_at_fault=False),
        TaskFailed("CANVAS_UNFIT", "expected 3 channels", model_at_fault=True),
        TaskFailed("NOT_DETERMINISTIC", "two passes differ by 0.1", model_at_fault=True),
    ],
)
async def test_what_a_model_does_on_every_image_of_a_canvas_fails_the_audit_and_blames_no_image(scene: Scene, error):
    version = await scene.register()
    audit = await scene.audit(version, images=8)
    model_server = ArithmeticModelServer(deadly={0: error})

    scene.work(model_server)
    ended = await scene.ended(audit)

    assert ended.failure is not None
    assert (ended.failure.reason, ended.failure.detail) == (error.task_reason, str(error))
    assert len(model_server.tasks) == 1


@pytest.mark.long
async def test_other_audits_go_on_while_one_fails(scene: Scene):
    version = await scene.register()
    bad = await scene.audit(version, images=3, shards=[[0]], name="bad")
    good = await scene.audit(version, images=3, shards=[[1, 2]], name="good")

    scene.work(ArithmeticModelServer(deadly={0: ModelDied()}, grey=ModelDied()))

    assert (await scene.ended(bad)).state is AuditState.FAILED
    assert (await scene.ended(good)).state is AuditState.SUCCEEDED


async def test_a_model_server_that_is_away_costs_no_try(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=2)
    model_server = ArithmeticModelServer(deadly={1: ModelServerDown()})

    scene.work(model_server)
    await until(lambda: len(model_server.tasks) > 5)
    model_server.deadly.clear()
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    assert not any(isinstance(task.work, CheckWork) for task in model_server.tasks)


@pytest.mark.long
async def test_a_task_that_ends_without_the_finding_of_an_image_has_failed(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=4)

    scene.work(ArithmeticModelServer(forgotten=frozenset({3})))
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    assert [finding.failed for finding in await scene.findings(audit)] == [False, False, False, True]


class Lying(ArithmeticModelServer):
    """Reports a finding that no task asks for."""

    async def run(self, slot, task, cancelled):
        async with aclosing(super().run(slot, task, cancelled)) as events:
            async for event in events:
                yield event
                if isinstance(task.work, SearchWork):
                    yield TaskFindings((finding_of(AuditItem(77, "", "", None)),), passes_done=1)


@pytest.mark.long
async def test_a_task_that_reports_a_finding_nobody_asked_for_has_failed(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=1)
    model_server = Lying()

    scene.work(model_server)
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    assert [finding.reason for finding in await scene.findings(audit)] == [FindingReason.INTERNAL]
    assert [isinstance(task.work, CheckWork) for task in model_server.tasks] == [False, False, False, True]


async def test_a_version_that_is_rejected_fails_the_audits_that_wait_for_it(scene: Scene):
    version = await scene.register(ready=False)
    audit = await scene.audit(version, images=2)
    refusal = TaskFailed("STATE_DICT_MISMATCH", "the file lacks fc.bias", model_at_fault=True)

    scene.work(ArithmeticModelServer(grey=refusal))
    ended = await scene.ended(audit)

    rejected = await scene.version(version)
    assert (rejected.state, rejected.reject_reason) == (VersionState.REJECTED, "STATE_DICT_MISMATCH")
    assert rejected.reject_detail == "the file lacks fc.bias"
    assert ended.failure is not None
    assert ended.failure.reason == "MODEL_REJECTED"
    assert "fc.bias" in ended.failure.detail


async def test_an_audit_created_while_its_version_was_being_rejected_fails_too(scene: Scene):
    version = await scene.register(ready=False)
    async with scene.store.transaction() as transaction:
        await transaction.models.reject(version, reason="OUTPUT_SHAPE", detail="(1, 10, 1) came")
    audit = await scene.audit(version, images=2)

    scene.work(ArithmeticModelServer())
    ended = await scene.ended(audit)

    assert ended.failure is not None
    assert ended.failure.reason == "MODEL_REJECTED"


@pytest.mark.long
async def test_an_audit_created_before_the_check_fails_when_its_search_needs_a_gradient_and_there_is_none(
    scene: Scene,
):
    version = await scene.register(ready=False)
    audit = await scene.audit(version, images=2, search=Search(SearchMethod.BATCHED_GRADIENT, 0.9, pixels_per_step=1))
    model_server = ArithmeticModelServer(check=replace(CHECK, useful_gradient=False))

    scene.work(model_server)
    ended = await scene.ended(audit)

    assert ended.failure is not None
    assert ended.failure.reason == "GRADIENT_MISSING"
    assert "mask_optimization" in ended.failure.detail
    assert not model_server.searched


@pytest.mark.long
async def test_mask_optimization_searches_a_version_without_a_gradient_and_the_result_says_so(scene: Scene):
    version = await scene.register(ready=False)
    audit = await scene.audit(version, images=2)
    model_server = ArithmeticModelServer(check=replace(CHECK, useful_gradient=False))

    scene.work(model_server)
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    document = json.loads(await scene.read(ended.result_digest))
    assert document["parameters"]["gradient_free"] == [version]
    assert document["models"][0]["searches"][0]["gradient_free"] is True


async def test_an_audit_created_before_the_check_fails_when_a_label_names_no_class(scene: Scene):
    version = await scene.register(ready=False, class_labels=())
    audit = await scene.audit(version, images=2, labels=("0", "10"))
    model_server = ArithmeticModelServer()

    scene.work(model_server)
    ended = await scene.ended(audit)

    assert ended.failure is not None
    assert ended.failure.reason == "LABEL_UNKNOWN"
    assert "0 to 9" in ended.failure.detail
    assert not model_server.searched


async def test_a_version_whose_process_dies_three_times_is_rejected(scene: Scene):
    version = await scene.register(ready=False)
    model_server = ArithmeticModelServer(grey=ModelDied())

    scene.work(model_server)
    await until(lambda: rejected(scene, version))

    assert (await scene.version(version)).reject_reason == "MODEL_DIED"
    assert len(model_server.tasks) == 3


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "error",
    [
        TaskFailed("HANDLER_BUG", "oh", model_at_fault=False),
        TaskFailed("MODEL_OUT_OF_MEMORY", "it does not fit", model_at_fault=False),
        ModelOutOfMemory(),
    ],
)
async def test_a_version_is_not_rejected_for_what_the_worker_lacks(scene: Scene, error):
    version = await scene.register(ready=False)
    model_server = ArithmeticModelServer(grey=error)

    scene.work(model_server)
    await until(lambda: len(model_server.tasks) > 4)
    model_server.grey = None
    await until(lambda: accepted(scene, version))

    assert (await scene.version(version)).check is not None


async def test_a_program_is_rejected_where_it_cannot_be_enclosed(scene: Scene):
    version = await scene.register(ready=False, source=Executable("4" * 64, ExecutableKind.TORCHSCRIPT))
    server = ArithmeticModelServer(encloses_code=False)
    scene.work(server)

    await until(lambda: rejected(scene, version))

    assert (await scene.version(version)).reject_reason == "EXECUTABLE_NOT_ENCLOSED"
    assert not server.tasks


@pytest.mark.long
async def test_an_audit_of_a_program_that_another_worker_accepted_fails_typed_where_it_cannot_be_enclosed(
    scene: Scene,
):
    version = await scene.register(source=Executable("4" * 64, ExecutableKind.TORCHSCRIPT))
    audit = await scene.audit(version, images=2)
    server = ArithmeticModelServer(encloses_code=False)
    worker = scene.work(server)

    ended = await scene.ended(audit)

    assert ended.failure.reason == "EXECUTABLE_NOT_ENCLOSED"
    assert "bubblewrap or Landlock" in ended.failure.detail
    assert not server.tasks
    confined = {"level": "none", "programs": "refused"}
    assert worker.metrics.registry.get_sample_value("modicum_worker_confinement", confined) == 1


async def rejected(scene: Scene, version: str) -> bool:
    return (await scene.version(version)).state is VersionState.REJECTED


async def accepted(scene: Scene, version: str) -> bool:
    return (await scene.version(version)).state is VersionState.READY


async def nothing_queued(scene: Scene) -> bool:
    async with scene.store.transaction() as transaction:
        facts = await transaction.shards.facts()
    return facts["queued"] == facts["held"] == 0
