"""Findings that a model's process makes up are refused with a reason, so that nothing of them is stored."""

import math
from dataclasses import replace

import pytest
from modicum_server.domain.finding_claims import MOST_PASSES
from modicum_server.domain.findings import (
    ClassTargetedFinding,
    FillFinding,
    FillRobustFinding,
    Finding,
    FindingControls,
    FindingReason,
    ObjectsFinding,
    Passes,
    PixelSubsetFinding,
    ScoredVariant,
    Trace,
    TransferFinding,
)
from modicum_server.domain.models import ModelCheck, OutputKind
from modicum_server.domain.searches import Control, ControlPlan, Fill
from modicum_server.domain.tasks import (
    SubsetScore,
    TaskChecked,
    TaskFindings,
    TaskFinished,
    TaskHeartbeat,
    TaskScores,
    TaskSpots,
)
from modicum_server.model_server import ExpectedResults, TaskFailed

from tests.worker.arithmetic_model_server import subset_of
from tests.worker.test_worker_expected_results import CHECK_TASK, GIVEN, SCORE_TASK, SEARCH_TASK

CLASSES = 4
CHECK = ModelCheck(CLASSES, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=1.0)
VERSION = replace(SEARCH_TASK.model_version, check=CHECK)
ALL = tuple(ControlPlan(control) for control in Control)
TASK = replace(
    SEARCH_TASK, model_version=VERSION, work=replace(SEARCH_TASK.work, controls=ALL, critical_temperatures=True)
)
BARE = replace(TASK, work=replace(TASK.work, controls=(), critical_temperatures=False))
TARGETED = ClassTargetedFinding(1, found=False, size=0, size_ratio=0.0, verified_confidence=0.0, passes=Passes(9, 2))
ROBUST = FillRobustFinding(3, 1.0, 32, 30, 0.9, budget_exhausted=False, passes=Passes(9, 2))
TRACE = Trace((16, 3), (0.99, 0.9))
PIXELS = PixelSubsetFinding(subset_of(3), 0.9, 1, math.nan, 2, TRACE, Passes(9, 2))
VARIANT, FILL = ScoredVariant("dilated", 0.9, True, 3), FillFinding(Fill.BLUR, 0.9, True)
CONTROLS = FindingControls(
    TARGETED, (FILL,), (VARIANT,), 1.5, ObjectsFinding(0.5, 0.25), fill_robust=ROBUST, pixel_subset=PIXELS
)
HONEST = Finding(
    4,
    "",
    "",
    "",
    -1,
    predicted_class=3,
    target_class=3,
    eligible=True,
    confidence=0.99,
    margin=4.0,
    subset=subset_of(3),
    verified_confidence=0.9,
    passes=Passes(100, 50),
    trace=TRACE,
    controls=CONTROLS,
)


def refusal(task, event) -> str:
    with pytest.raises(TaskFailed) as caught:
        ExpectedResults(task).accept(event)
    assert (caught.value.task_reason, caught.value.model_at_fault) == ("HANDLER_BUG", False)
    return str(caught.value)


def with_controls(**changes) -> Finding:
    return replace(HONEST, controls=replace(CONTROLS, **changes))


def test_a_finding_with_every_field_is_taken():
    assert ExpectedResults(TASK).accept(TaskFindings((HONEST,), 9))


@pytest.mark.parametrize(
    ("finding", "says"),
    [
        (replace(HONEST, predicted_class=CLASSES), "classes that the model does not have"),
        (replace(HONEST, predicted_class=-1), "classes that the model does not have"),
        (replace(HONEST, target_class=2**31 - 1), "classes that the model does not have"),
        (with_controls(variants=(replace(VARIANT, predicted_class=CLASSES),)), "classes that the model"),
        (with_controls(class_targeted=replace(TARGETED, target_class=CLASSES)), "classes that the model"),
        (with_controls(pixel_subset=replace(PIXELS, random_predicted_class=-5)), "classes that the model"),
        (with_controls(variants=(replace(VARIANT, variant="<script>"),)), "results of controls that do not run"),
        (with_controls(transfers=(TransferFinding("projects/q/models/m/versions/1"),)), "results of controls"),
        (with_controls(variants=(VARIANT, VARIANT)), "two results of one variant"),
        (with_controls(fills=(FILL, FILL)), "two results of one variant"),
        (replace(HONEST, confidence=1.01), "confidences outside 0 to 1"),
        (replace(HONEST, verified_confidence=math.inf), "confidences outside 0 to 1"),
        (with_controls(variants=(replace(VARIANT, confidence=-0.1),)), "confidences outside 0 to 1"),
        (with_controls(fill_robust=replace(ROBUST, confidence=2.0)), "confidences outside 0 to 1"),
        (replace(HONEST, verified_confidence=0.01), "a subset that cannot be one"),
        (replace(HONEST, eligible=False), "a subset that cannot be one"),
        (replace(HONEST, target_class=2), "a subset that cannot be one"),
        (replace(HONEST, subset=replace(subset_of(3), mask=bytes(2), size=0)), "a subset that cannot be one"),
        (replace(HONEST, trace=Trace((17,), (0.9,))), "a trace that is longer"),
        (replace(HONEST, trace=Trace((3, 2), (0.9,))), "a trace that is longer"),
        (replace(HONEST, trace=Trace((3,) * 257, (0.9,) * 257)), "a trace that is longer"),
        (replace(HONEST, passes=Passes(-1, 0)), "impossible counts of passes"),
        (replace(HONEST, passes=Passes(0, 2**63 - 1)), "impossible counts of passes"),
        (with_controls(class_targeted=replace(TARGETED, passes=Passes(-9, 0))), "impossible counts of passes"),
        (with_controls(class_targeted=replace(TARGETED, size=17)), "sizes larger than the canvas"),
        (with_controls(class_targeted=replace(TARGETED, size_ratio=-1.0)), "sizes larger than the canvas"),
        (with_controls(fill_robust=replace(ROBUST, sufficient_donors=33)), "impossible counts of donors"),
        (with_controls(objects=ObjectsFinding(math.nan)), "shares or temperatures"),
        (with_controls(objects=ObjectsFinding(0.5, 7.0)), "shares or temperatures"),
        (with_controls(critical_temperature=math.inf), "shares or temperatures"),
        (with_controls(critical_temperature=-1.0), "shares or temperatures"),
        (replace(HONEST, position=6), "a finding at position 6"),
        (replace(HONEST, subset=replace(subset_of(3), width=5)), "masks of another canvas or size"),
    ],
)
def test_a_finding_that_cannot_be_is_refused(finding, says):
    assert says in refusal(TASK, TaskFindings((finding,), 9))


@pytest.mark.parametrize(
    "controls",
    [
        FindingControls(class_targeted=TARGETED),
        FindingControls(fills=(FILL,)),
        FindingControls(variants=(VARIANT,)),
        FindingControls(critical_temperature=1.5),
        FindingControls(fill_robust=ROBUST),
        FindingControls(pixel_subset=PIXELS),
    ],
)
def test_a_result_of_a_control_that_the_audit_does_not_have_is_refused(controls):
    finding = replace(HONEST, controls=controls)

    assert "results of controls that do not run" in refusal(BARE, TaskFindings((finding,), 9))
    assert ExpectedResults(TASK).accept(TaskFindings((finding,), 9))


def test_numbers_that_a_model_makes_nan_are_taken():
    finding = replace(HONEST, confidence=math.nan, margin=math.nan, reason=FindingReason.NOT_FINITE, subset=None)

    assert ExpectedResults(TASK).accept(TaskFindings((finding,), 9))


@pytest.mark.parametrize("passes", [-1, MOST_PASSES + 1, 2**63 - 1])
def test_an_impossible_count_of_passes_is_refused_in_every_event(passes):
    events = [
        TaskHeartbeat(passes, "searching"),
        TaskFindings((), passes),
        TaskScores((), passes),
        TaskSpots((), passes),
        TaskFinished(passes, 1),
    ]

    assert all("an impossible count of passes" in refusal(TASK, event) for event in events)


@pytest.mark.parametrize("score", [(0.5, CLASSES), (0.5, -1), (1.5, 1)])
def test_a_score_that_cannot_be_is_refused(score):
    task = replace(SCORE_TASK, model_version=VERSION)

    assert "a class or a confidence" in refusal(task, TaskScores((SubsetScore(GIVEN[0], *score),), 1))


@pytest.mark.parametrize("count", [0, -1, 100_001, 2**31 - 1])
def test_a_check_with_an_impossible_number_of_classes_is_refused(count):
    assert "a model has 1 to 100,000" in refusal(CHECK_TASK, TaskChecked(replace(CHECK, class_count=count)))
