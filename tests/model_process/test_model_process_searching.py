"""A search task from its first chunk to its last, on a model that a person can check."""

import gc
import threading
import weakref

import numpy as np
import pytest
import torch
from modicum.v1 import finding_pb2, model_pb2, search_pb2
from modicum_server.domain.tasks import TaskFinished
from modicum_server.torchserve.messages import event_of
from modicum_server.worker.run.provenance import finished_parameters
from torch import nn

from tests.model_process.model_process_stage import (
    ATTEMPT,
    BRIGHT_BOTTOM_RIGHT,
    BRIGHT_TOP_LEFT,
    DARK,
    VERSION,
    Corners,
    controls,
    findings,
    items_of,
    kinds,
    mask_of,
    png,
    search_work,
    tiny_input,
    version_of_program,
)


def test_a_subset_is_found_verified_and_sent(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), png(BRIGHT_BOTTOM_RIGHT)])
    items[0].label = 0

    chunks = stage.run(version_of_program(stage, Corners()), search_work(items, search_index=3))

    assert kinds(chunks)[0] == "started"
    assert kinds(chunks)[-1] == "finished"
    assert {chunk.attempt for chunk in chunks} == {ATTEMPT}
    assert [chunk.sequence for chunk in chunks] == list(range(1, len(chunks) + 1))
    first, second = findings(chunks)[0], findings(chunks)[1]
    # one lit pixel scores 2, whose confidence against two zeros is 0.79; two score 4: 0.96
    assert (first.predicted_class, first.target_class, first.subset.size) == (0, 0, 2)
    assert mask_of(first)[:4, :4].sum() == 2
    assert mask_of(second)[4:, 4:].sum() == 2
    assert first.verified_confidence == pytest.approx(np.exp(4) / (np.exp(4) + 2), rel=1e-5)
    assert first.eligible
    assert (first.label, first.item, first.image_digest) == (0, "0.png", items[0].image_digest)
    assert (first.model_version, first.search_index) == (VERSION, 3)
    assert not second.HasField("label")
    assert chunks[-1].finished.passes_done == sum(f.passes.forward for f in (first, second))
    assert chunks[-1].finished.chunk_size > 0
    assert first.trace.kept[0] == 64
    assert first.trace.kept[-1] == 0


def test_images_that_cannot_be_searched_are_findings_with_a_reason(stage):
    items = items_of(stage, [png(DARK), b"no picture", png(BRIGHT_TOP_LEFT)[:50], png(BRIGHT_TOP_LEFT)])

    found = findings(stage.run(version_of_program(stage, Corners()), search_work(items)))

    assert sorted(found) == [0, 1, 2, 3]
    assert found[0].reason == finding_pb2.FINDING_REASON_NOT_ELIGIBLE
    assert found[0].confidence == pytest.approx(1 / 3)
    assert found[1].reason == finding_pb2.FINDING_REASON_IMAGE_UNREADABLE
    assert found[2].reason == finding_pb2.FINDING_REASON_IMAGE_UNREADABLE
    assert not found[1].HasField("predicted_class")
    assert found[3].subset.size == 2


def test_a_search_for_a_random_other_class_is_not_gated(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT + BRIGHT_BOTTOM_RIGHT)])
    work = search_work(items)
    work.search.target_rule = search_pb2.TARGET_RULE_RANDOM_OTHER

    finding = findings(stage.run(version_of_program(stage, Corners()), work))[0]

    assert not finding.eligible
    assert finding.target_class != finding.predicted_class
    assert finding.subset.size == 2 or finding.reason == finding_pb2.FINDING_REASON_NOT_FOUND


def test_without_donors_for_a_marginal_fill_images_are_scored_and_eligible_ones_say_why_they_are_not_searched(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), b"no picture", png(DARK)])
    items[0].label = 0
    work = search_work(items, donors=items[:2], controls=controls(search_pb2.CONTROL_PIXEL_SUBSETS))
    work.search.fill = search_pb2.FILL_MARGINAL

    chunks = stage.run(version_of_program(stage, Corners()), work)

    lit, unreadable, dark = (findings(chunks)[position] for position in range(3))
    assert (lit.reason, lit.eligible) == (finding_pb2.FINDING_REASON_FILL_UNAVAILABLE, True)
    assert (lit.predicted_class, lit.confidence, lit.passes.forward) == (0, pytest.approx(1), 1)
    assert unreadable.reason == finding_pb2.FINDING_REASON_IMAGE_UNREADABLE
    assert not unreadable.HasField("predicted_class")
    assert (dark.reason, dark.eligible) == (finding_pb2.FINDING_REASON_NOT_ELIGIBLE, False)
    assert (dark.HasField("predicted_class"), dark.passes.forward) == (True, 1)
    assert not any(one.HasField("subset") for one in (lit, unreadable, dark))
    assert chunks[-1].finished.passes_done >= 2


def test_without_donors_a_marginal_search_for_another_class_predicts_and_says_why_it_did_not_search(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT)])
    work = search_work(items, donors=items)
    work.search.fill = search_pb2.FILL_MARGINAL
    work.search.target_rule = search_pb2.TARGET_RULE_RANDOM_OTHER

    (found,) = findings(stage.run(version_of_program(stage, Corners()), work)).values()

    assert found.reason == finding_pb2.FINDING_REASON_FILL_UNAVAILABLE
    assert (found.predicted_class, found.target_class != 0) == (0, True)


def test_a_finding_does_not_depend_on_its_neighbours(stage):
    version = version_of_program(stage, Corners())
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), png(BRIGHT_BOTTOM_RIGHT), png(DARK)])
    plans = controls(search_pb2.CONTROL_CLASS_TARGETED, search_pb2.CONTROL_FILL)

    together = findings(stage.run(version, search_work(items, controls=plans)))
    alone = findings(stage.run(version, search_work(items[1:2], controls=plans)))

    assert alone[1] == together[1]


def test_a_canvas_of_other_channels_is_refused(stage):
    work = search_work(items_of(stage, [png(DARK)]))
    work.canvas.channels = 3

    chunks = stage.run(version_of_program(stage, Corners()), work)

    assert chunks[-1].failure.reason == "CANVAS_UNFIT"


def test_a_cancel_mark_ends_the_task_between_steps(stage):
    version = version_of_program(stage, Corners())
    work = search_work(items_of(stage, [png(BRIGHT_TOP_LEFT)] * 300))
    work.search.fraction = 0.0
    canceller = threading.Timer(1.0, (stage.folder / "cancel").touch)
    canceller.start()

    chunks = stage.run(version, work)

    assert chunks[-1].failure.reason == "CANCELLED"
    assert not chunks[-1].failure.model_at_fault
    assert not any(f.reason == finding_pb2.FINDING_REASON_STOPPED for f in findings(chunks).values())


def test_a_bug_of_ours_is_a_typed_failure_without_a_traceback(stage, monkeypatch, caplog):
    def explode(*_, **__):
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr("modicum_server.model_process.running.prepare_search", explode)

    chunks = stage.run(version_of_program(stage, Corners()), search_work(items_of(stage, [png(DARK)])))

    assert kinds(chunks) == ["started", "failure"]
    assert chunks[-1].failure.reason == "HANDLER_BUG"
    assert "secret" not in chunks[-1].failure.detail
    assert "ZeroDivisionError" in caplog.text


def test_donors_are_scored_once_for_the_tasks_of_a_slot(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT)])
    donors = items_of(stage, [png(BRIGHT_BOTTOM_RIGHT), png(BRIGHT_BOTTOM_RIGHT // 2), png(DARK)])
    work = search_work(items, donors=donors, controls=controls(search_pb2.CONTROL_FILL))
    version = version_of_program(stage, Corners())

    first, second = stage.run(version, work), stage.run(version, work)

    assert findings(first) == findings(second)
    assert first[-1].finished.passes_done == second[-1].finished.passes_done + len(donors)


@pytest.mark.long
def test_the_model_and_the_donors_of_the_task_before_leave_memory(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT)])
    donors = items_of(stage, [png(BRIGHT_BOTTOM_RIGHT), png(BRIGHT_BOTTOM_RIGHT // 2), png(DARK)])
    work = search_work(items, donors=donors, controls=controls(search_pb2.CONTROL_FILL))
    stage.run(version_of_program(stage, Corners()), work)
    (loaded,) = stage.kept.models._kept.values()
    before = weakref.ref(loaded.classifier), weakref.ref(loaded.donors._donors.images)
    del loaded

    chunks = stage.run(version_of_program(stage, Corners(3.0)), search_work(items))

    gc.collect()
    assert chunks[-1].WhichOneof("body") == "finished"
    assert [reference() for reference in before] == [None, None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
def test_the_number_type_that_was_computed_in_is_said(stage, dtype, monkeypatch):
    module = Corners().to(dtype)
    monkeypatch.setattr("modicum_server.model_process.loading._module_of_program", lambda *_: module)
    version = model_pb2.ModelVersion(
        name=VERSION, exported=model_pb2.Executable(digest=stage.put(b"program")), input=tiny_input()
    )

    last = stage.run(version, search_work(items_of(stage, [png(BRIGHT_TOP_LEFT)])))[-1]

    event = event_of(last, None)
    assert isinstance(event, TaskFinished)
    assert event.dtype == str(dtype).removeprefix("torch.")
    said = finished_parameters(event, VERSION)
    assert (said["chunk_size"], said["dtype"]) == (event.chunk_size, event.dtype)
    assert said["acceleration"][VERSION]["dtype"] == event.dtype


def test_how_the_passes_ran_is_said(stage, monkeypatch):
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), Corners())
    modules = iter([network, Corners()])
    monkeypatch.setattr("modicum_server.model_process.loading._module_of_program", lambda *_: next(modules))
    said = []
    for name in (b"network", b"corners"):
        version = model_pb2.ModelVersion(
            name=VERSION, exported=model_pb2.Executable(digest=stage.put(name)), digest=name, input=tiny_input()
        )
        last = stage.run(version, search_work(items_of(stage, [png(DARK)])))[-1]
        said.append(event_of(last, None).acceleration)

    assert [(one.folded, one.dtype, one.declined) for one in said] == [(1, "float32", ""), (0, "float32", "")]


class Steps(nn.Module):
    """Corners of black and white: no gradient."""

    def __init__(self):
        super().__init__()
        self.corners = Corners()

    def forward(self, images):
        return self.corners((images > 0.5).float())


def test_mask_optimization_searches_a_model_without_a_gradient_and_says_so(stage):
    work = search_work(items_of(stage, [png(BRIGHT_TOP_LEFT)]))
    work.search.method, work.search.fraction = search_pb2.SEARCH_METHOD_MASK_OPTIMIZATION, 0
    work.search.passes = 60

    chunks = stage.run(version_of_program(stage, Steps()), work)

    (found,) = findings(chunks).values()
    assert chunks[-1].finished.gradient_free
    assert 0 < found.subset.size < 64
    assert found.verified_confidence >= work.search.threshold
    assert (found.passes.backward, found.passes.forward <= 60) == (0, True)


def test_a_model_with_a_gradient_is_not_said_to_have_none(stage):
    work = search_work(items_of(stage, [png(BRIGHT_TOP_LEFT)]))
    work.search.method, work.search.fraction = search_pb2.SEARCH_METHOD_MASK_OPTIMIZATION, 0
    work.search.passes = 60

    assert not stage.run(version_of_program(stage, Corners()), work)[-1].finished.gradient_free


def test_the_paper_s_search_on_a_model_without_a_gradient_is_refused_with_the_way_out(stage):
    work = search_work(items_of(stage, [png(BRIGHT_TOP_LEFT)]))
    work.search.method, work.search.fraction = search_pb2.SEARCH_METHOD_BATCHED_GRADIENT, 0

    failure = stage.run(version_of_program(stage, Steps()), work)[-1].failure

    assert (failure.reason, failure.model_at_fault) == ("GRADIENT_MISSING", True)
    assert "MaskOptimization" in failure.detail
