"""The rule for what a model server reports: what the task asked for, all of it, under the names of the task."""

import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from modicum_server.domain.audits import AuditItem
from modicum_server.domain.findings import (
    ClassTargetedFinding,
    Finding,
    FindingControls,
    FindingReason,
    Narrowing,
    Passes,
    Subset,
)
from modicum_server.domain.models import ModelVersion, VersionState
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill
from modicum_server.domain.spots import (
    SpotKind,
    SpotObjects,
    SpotOutcomes,
    SpotPlace,
    SpotRegion,
    SpotRow,
    SpotTrial,
    SpotWindow,
)
from modicum_server.domain.tasks import (
    CheckWork,
    GivenSubset,
    ScoreWork,
    SearchWork,
    SpotWork,
    SubsetScore,
    Task,
    TaskChecked,
    TaskFindings,
    TaskFinished,
    TaskScores,
    TaskSpots,
)
from modicum_server.model_server import ExpectedResults, TaskFailed

from tests.worker.arithmetic_model_server import CHECK, subset_of
from tests.worker.worker_scene import INPUT, LABELS, SEARCH, WEIGHTS

CANVAS = Canvas(3, 4, 4)
ITEMS = (AuditItem(4, "a.png", "a" * 64, 2), AuditItem(5, "b.png", "b" * 64, None))
BOXED = tuple(replace(item, boxes_digest="c" * 64) for item in ITEMS)
VERSION = ModelVersion("v", WEIGHTS, INPUT, LABELS, "2" * 64, VersionState.READY, datetime.now(UTC))
GIVEN = tuple(GivenSubset(position, source, 0, subset_of(1)) for position, source in [(4, "u"), (4, "w"), (5, "u")])
SEARCH_TASK = Task("s", 1, VERSION, SearchWork(CANVAS, SEARCH, search_index=1, seed=0, items=ITEMS))
SCORE_TASK = Task("s", 1, VERSION, ScoreWork(CANVAS, Fill.MEAN, 0.9, 0, ITEMS, GIVEN))
SPOT_TASK = Task("s", 1, VERSION, SpotWork(CANVAS, 0, BOXED, (2, 3), {}, rows=(0, 3)))
PAIR = SpotOutcomes((4,), (5,), (True,), (False,), (0,), (0,))
OWN = SpotTrial(0, SpotPlace(SpotKind.OWN, 2, 2), (SpotWindow(4, 2, 2),), PAIR, PAIR)
RING = SpotTrial(1, SpotPlace(SpotKind.RING, 1, 1), (), PAIR, PAIR)
PATTERN = replace(RING, place=SpotPlace(SpotKind.PATTERN, 3, 2, 1, 2, b"\x84"))
OUTSIDE = replace(RING, outside=True, on_objects=SpotObjects((4,), (0.5,)), regions=(SpotRegion(4, 5, subset_of(1)),))
ROW = SpotRow(2, 1, (OWN, RING, OUTSIDE), passes=7)
CHECK_TASK = Task("s", 1, VERSION, CheckWork())


def with_pixels(pixels: bytes, kind: SpotKind = SpotKind.PATTERN) -> SpotTrial:
    return replace(PATTERN, place=replace(PATTERN.place, kind=kind, pixels=pixels))


def found(position: int) -> TaskFindings:
    """A finding as a model's process sends it."""
    return TaskFindings((Finding(position, "", "", "", -1, confidence=0.5),), passes_done=9)


def scored(given: GivenSubset) -> TaskScores:
    return TaskScores((SubsetScore(given, 0.5, 3),), passes_done=1)


def test_a_finding_gets_the_names_of_the_task_whatever_the_process_wrote():
    lie = Finding(4, "other", "f" * 64, "projects/q/models/m/versions/9", 7, label=0, confidence=0.5, eligible=True)

    event = ExpectedResults(SEARCH_TASK).accept(TaskFindings((lie,), 9))

    truth = replace(lie, item="a.png", image_digest="a" * 64, model_version="v", search_index=1, label=2)
    assert event == TaskFindings((truth,), 9)


def narrowed(*masks: bytes, kept: tuple[int, ...] = (9, 5), packed: bytes | None = None) -> Finding:
    """A finding with masks of 4x4 pixels on the way, of 9 and 5 pixels if nothing else is said."""
    packed = zlib.compress(b"".join(masks or (b"\xff\x80", b"\xf8\x00"))) if packed is None else packed
    narrowing = Narrowing(kept, (0.95,) * len(kept), packed)
    return Finding(4, "", "", "", -1, eligible=True, subset=subset_of(2), verified_confidence=1.0, narrowing=narrowing)


def controlled(subset: Subset) -> Finding:
    other = ClassTargetedFinding(
        1, found=True, size=subset.size, size_ratio=1.0, verified_confidence=1.0, passes=Passes()
    )
    return Finding(4, "", "", "", -1, controls=FindingControls(class_targeted=replace(other, subset=subset)))


@pytest.mark.parametrize("finding", [narrowed(), controlled(subset_of(3)), Finding(4, "", "", "", -1)])
def test_masks_of_the_canvas_are_taken(finding):
    controls = (ControlPlan(Control.CLASS_TARGETED),)
    task = replace(SEARCH_TASK, work=replace(SEARCH_TASK.work, controls=controls))

    assert ExpectedResults(task).accept(TaskFindings((finding,), 9))


@pytest.mark.parametrize(
    "finding",
    [
        narrowed(b"\xff\x80"),
        narrowed(b"\xff\x80", b"\xff\x00"),
        narrowed(b"\xff\x80", b"\xf8\x00", b"\xf0\x00"),
        narrowed(kept=()),
        narrowed(*[b"\xff\x80"] * 9, kept=(9,) * 9),
        narrowed(packed=b"no zlib"),
        controlled(replace(subset_of(3), height=400)),
        controlled(replace(subset_of(3), size=9)),
        replace(narrowed(), subset=replace(subset_of(2), mask=b"\xe0\x00\x00")),
    ],
)
def test_masks_that_are_not_of_the_canvas_are_refused(finding):
    with pytest.raises(TaskFailed, match="masks of another canvas or size at position 4"):
        ExpectedResults(SEARCH_TASK).accept(TaskFindings((finding,), 9))


def test_masks_that_become_far_too_large_are_refused():
    finding = narrowed(packed=zlib.compress(bytes(100_000_000), level=9))

    with pytest.raises(TaskFailed, match="masks of another canvas or size at position 4"):
        ExpectedResults(SEARCH_TASK).accept(TaskFindings((finding,), 9))


@pytest.mark.parametrize("event", [scored(GIVEN[0]), TaskChecked(CHECK), TaskFinished(2, 1)])
def test_other_events_pass_as_they_are(event):
    assert ExpectedResults(SCORE_TASK).accept(event) is event


@pytest.mark.parametrize(
    ("task", "event"),
    [
        (SEARCH_TASK, found(77)),
        (CHECK_TASK, found(4)),
        (SCORE_TASK, found(4)),
        (SCORE_TASK, scored(replace(GIVEN[0], position=77))),
        (SCORE_TASK, scored(replace(GIVEN[0], source="x"))),
        (SCORE_TASK, scored(replace(GIVEN[0], subset=subset_of(2)))),
        (SEARCH_TASK, scored(GIVEN[0])),
    ],
)
def test_a_result_that_the_task_did_not_ask_for_is_refused(task, event):
    with pytest.raises(TaskFailed, match="which its task does not have") as caught:
        ExpectedResults(task).accept(event)

    assert (caught.value.task_reason, caught.value.model_at_fault) == ("HANDLER_BUG", False)


@pytest.mark.parametrize(
    ("task", "events", "reason", "detail"),
    [
        (SEARCH_TASK, [], "FINDINGS_MISSING", "2 images"),
        (SEARCH_TASK, [found(4)], "FINDINGS_MISSING", "1 images"),
        (SCORE_TASK, [], "SCORES_MISSING", "2 images"),
        (SCORE_TASK, [scored(GIVEN[0]), scored(GIVEN[2])], "SCORES_MISSING", "1 images"),
        (CHECK_TASK, [TaskFinished(2, 1)], "CHECK_MISSING", "check"),
    ],
)
def test_a_task_that_ends_without_a_result_has_failed(task, events, reason, detail):
    expected = ExpectedResults(task)
    for event in events:
        expected.accept(event)

    with pytest.raises(TaskFailed, match=detail) as caught:
        expected.require_all()

    assert (caught.value.task_reason, caught.value.model_at_fault) == (reason, False)


@pytest.mark.parametrize(
    ("task", "events"),
    [
        (SEARCH_TASK, [found(5), found(4), found(4)]),
        (SCORE_TASK, [scored(given) for given in GIVEN]),
        (SCORE_TASK, [TaskScores(tuple(SubsetScore(one, reason=FindingReason.NOT_FINITE) for one in GIVEN), 3)]),
        (CHECK_TASK, [TaskChecked(CHECK)]),
    ],
)
def test_a_task_with_all_of_its_results_is_done(task, events):
    expected = ExpectedResults(task)

    for event in events:
        expected.accept(event)

    expected.require_all()


def spots(*rows: SpotRow) -> TaskSpots:
    return TaskSpots(rows, passes_done=9)


def test_rows_of_the_spot_test_that_were_asked_for_pass_as_they_are():
    expected, event = ExpectedResults(SPOT_TASK), spots(ROW, replace(ROW, target_class=None))

    assert expected.accept(event) is event
    expected.require_all()


def test_a_pattern_on_the_canvas_is_accepted():
    row = replace(ROW, trials=(PATTERN,))

    assert ExpectedResults(SPOT_TASK).accept(spots(row)).rows == (row,)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, target_class=1), id="a class that was not asked for"),
        pytest.param(replace(ROW, target_class=-1), id="a class that has the number of all classes"),
    ],
)
def test_a_row_that_was_not_asked_for_is_refused(row):
    with pytest.raises(TaskFailed, match="which its task does not have"):
        ExpectedResults(SPOT_TASK).accept(spots(row))


def test_a_spot_task_that_ends_without_a_row_has_failed():
    expected = ExpectedResults(SPOT_TASK)
    expected.accept(spots(ROW))

    with pytest.raises(TaskFailed, match="1 rows of the spot test") as caught:
        expected.require_all()

    assert caught.value.task_reason == "SPOTS_MISSING"
