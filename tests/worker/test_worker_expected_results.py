"""The rule for what a model server reports: what the task asked for, all of it, under the names of the task."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from modicum_server.domain.audits import AuditItem
from modicum_server.domain.findings import Finding, FindingReason
from modicum_server.domain.models import ModelVersion, VersionState
from modicum_server.domain.searches import Canvas, Fill
from modicum_server.domain.tasks import (
    CheckWork,
    GivenSubset,
    ScoreWork,
    SearchWork,
    SubsetScore,
    Task,
    TaskChecked,
    TaskFindings,
    TaskFinished,
    TaskScores,
)
from modicum_server.errors import TaskFailed
from modicum_server.model_server import ExpectedResults

from tests.worker.arithmetic_model_server import CHECK, subset_of
from tests.worker.worker_scene import INPUT, LABELS, SEARCH, WEIGHTS

CANVAS = Canvas(3, 4, 4)
ITEMS = (AuditItem(4, "a.png", "a" * 64, 2), AuditItem(5, "b.png", "b" * 64, None))
VERSION = ModelVersion("v", WEIGHTS, INPUT, LABELS, "2" * 64, VersionState.READY, datetime.now(UTC))
GIVEN = tuple(GivenSubset(position, source, 0, subset_of(1)) for position, source in [(4, "u"), (4, "w"), (5, "u")])
SEARCH_TASK = Task("s", 1, VERSION, SearchWork(CANVAS, SEARCH, search_index=1, seed=0, items=ITEMS))
SCORE_TASK = Task("s", 1, VERSION, ScoreWork(CANVAS, Fill.MEAN, 0.9, 0, ITEMS, GIVEN))
CHECK_TASK = Task("s", 1, VERSION, CheckWork())


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
