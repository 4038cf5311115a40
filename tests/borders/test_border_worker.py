"""The worker's protocol: tasks to the model process, and what it says of them."""

import ast
import inspect
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from modicum_server import model_process
from modicum_server.codec import findings
from modicum_server.codec.records import message_of
from modicum_server.domain.findings import (
    Finding,
    FindingReason,
    Narrowing,
    Subset,
)
from modicum_server.domain.tasks import SubsetScore, TaskChecked
from modicum_server.generated import worker_pb2
from modicum_server.model_server import ExpectedResults
from modicum_server.torchserve.messages import event_of, task_message

from tests.borders.crossing import assert_crosses
from tests.borders.filling import filled, filled_message
from tests.borders.records import EVENTS, SCORE_TASK, SEARCH_TASK, SPOT_TASK

TASKS = {
    "search": (
        SEARCH_TASK,
        {"work.control_exclusions.0.0": "search.control_exclusions.0.positions.0", "work": "search"},
        frozenset(),
    ),
    "score": (
        SCORE_TASK,
        {
            "work.subsets.0.target_class": "score.target_classes.0",
            "work.subsets.0.subset": "score.subsets.0",
            "work": "score",
        },
        # the worker knows whose subset it is, and the model process which of the items
        frozenset({"work.subsets.0.source", "work.subsets.0.position"}),
    ),
    "spot": (SPOT_TASK, {"work": "spot"}, frozenset({"work.chosen.0.reason"})),  # rows that failed are not sent
}


@pytest.mark.parametrize("kind", TASKS)
def test_every_field_of_a_task_reaches_the_model_process(kind):
    task, renamed, but = TASKS[kind]
    # what a version is made of has a name for each kind in its message, and is told above
    but |= {f"{place}.{field}" for place in ("model_version", "parts.0") for field in ("source", "check")}

    message = worker_pb2.Task.FromString(task_message(task, threads=2).SerializeToString())

    assert_crosses(task, message, but=but, renamed=renamed)


@pytest.mark.parametrize(
    "kind",
    [worker_pb2.SearchWork, worker_pb2.ScoreWork, worker_pb2.SpotWork, worker_pb2.Item, worker_pb2.Task],
)
def test_the_model_process_reads_every_field_of_a_task(kind):
    sources = [path.read_text() for path in Path(inspect.getfile(model_process)).parent.glob("*.py")]
    trees = [ast.walk(ast.parse(source)) for source in sources]
    read = {node.attr for tree in trees for node in tree if isinstance(node, ast.Attribute)}

    assert {field.name for field in kind.DESCRIPTOR.fields} - {"check"} - read == set()  # a check has nothing to say


CHUNKS = {
    "started": frozenset({"pid"}),  # for the log of TorchServe
    "heartbeat": frozenset(),
    "check": frozenset({"largest_difference"}),  # for the log
    "finished": frozenset(),
}


@pytest.mark.parametrize("body", CHUNKS)
def test_every_field_of_a_chunk_reaches_the_worker(body):
    kind = worker_pb2.Chunk.DESCRIPTOR.fields_by_name[body].message_type._concrete_class
    message = filled_message(kind)

    event = event_of(worker_pb2.Chunk(**{body: message}), SEARCH_TASK)

    came = event.check if isinstance(event, TaskChecked) else event
    assert_crosses(message, came, but=CHUNKS[body])
    assert_crosses(came, message)
    assert type(event) is type(EVENTS[body])


CANVAS = SEARCH_TASK.work.canvas


def mask_of(size: int) -> bytes:
    """The first pixels of the task's canvas: masks of another one are refused."""
    return np.packbits(np.arange(CANVAS.pixels) < size).tobytes()


def subset_of(number: int) -> Subset:
    size = number % CANVAS.pixels
    return Subset(mask_of(size), CANVAS.height, CANVAS.width, size)


def narrowing_of(number: int) -> Narrowing:
    size = number % CANVAS.pixels
    return Narrowing((size,), (number / 1024,), zlib.compress(mask_of(size)))


def test_every_field_of_a_finding_reaches_the_worker(monkeypatch):
    # each field gets another number here, of which no finding could have all
    monkeypatch.setattr("modicum_server.model_server.impossible_claim", lambda *_: None)
    item = SEARCH_TASK.work.items[0]
    sent = filled(
        Finding,
        leaves={Subset: subset_of, Narrowing: narrowing_of},
        position=item.position,
        # what the worker knows of the item and the task, it takes from there
        item=item.item,
        image_digest=item.image_digest,
        label=item.label,
        model_version=SEARCH_TASK.model_version.name,
        search_index=SEARCH_TASK.work.search_index,
    )
    entry = worker_pb2.Findings.Entry(position=item.position, finding=findings.finding_message(sent))
    told = replace(EVENTS["findings"], findings=(sent,))
    chunk = worker_pb2.Chunk(findings=worker_pb2.Findings(entries=[entry], passes_done=told.passes_done))

    event = event_of(worker_pb2.Chunk.FromString(chunk.SerializeToString()), SEARCH_TASK)
    event = ExpectedResults(SEARCH_TASK).accept(event)

    assert_crosses(told, event)


def test_every_field_of_a_row_of_the_spot_test_reaches_the_worker():
    sent = EVENTS["spots"]
    entries = [message_of(row, worker_pb2.SpotRow) for row in sent.rows]
    chunk = worker_pb2.Chunk(spots=worker_pb2.Spots(entries=entries, passes_done=sent.passes_done))

    event = event_of(worker_pb2.Chunk.FromString(chunk.SerializeToString()), SPOT_TASK)

    assert event == sent


def test_every_field_of_a_score_reaches_the_worker():
    sent = EVENTS["scores"]
    entries = [
        worker_pb2.Scores.Entry(subset=0, confidence=score.confidence, predicted_class=score.predicted_class)
        for score in sent.scores
    ]
    chunk = worker_pb2.Chunk(scores=worker_pb2.Scores(entries=entries, passes_done=sent.passes_done))

    event = event_of(chunk, SCORE_TASK)

    assert event == sent


def test_the_reason_without_a_score_reaches_the_worker():
    entry = worker_pb2.Scores.Entry(subset=0, reason="FINDING_REASON_NOT_FINITE")
    chunk = worker_pb2.Chunk(scores=worker_pb2.Scores(entries=[entry], passes_done=7))

    event = event_of(chunk, SCORE_TASK)

    assert event.scores == (SubsetScore(SCORE_TASK.work.subsets[0], reason=FindingReason.NOT_FINITE),)
