"""Translates between the domain's tasks and events, and the messages to and from the handler."""

import math
import re
from collections.abc import Iterable, Sequence

from google.protobuf.message import DecodeError
from modicum.resource_names import NOT_PLAIN
from modicum.v1 import finding_pb2, model_pb2

from modicum_server.codec.enums import enum_value
from modicum_server.codec.findings import finding_value, subset_message
from modicum_server.codec.models import input_message, version_message
from modicum_server.codec.records import message_of, record_of
from modicum_server.codec.searches import canvas_message, control_plan_message, fill_number, search_message
from modicum_server.domain.audits import AuditItem
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import ModelCheck, OutputKind
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.tasks import (
    Acceleration,
    CheckWork,
    GivenSubset,
    ScoreWork,
    SearchWork,
    SpotWork,
    SubsetScore,
    Task,
    TaskChecked,
    TaskEvent,
    TaskFindings,
    TaskFinished,
    TaskHeartbeat,
    TaskScores,
    TaskSpots,
    TaskStarted,
)
from modicum_server.generated import worker_pb2
from modicum_server.model_server import TaskFailed
from modicum_server.torchserve.stream_errors import HANDLER_BUG

LONGEST_WORDS = 200
"""Most characters of a text from the model's process that are kept with a result."""
LONGEST_DETAIL = 2000
"""Most characters of what the model's process says of a failure."""
MOST_PACKAGES = 64
"""Most packages whose versions are kept with a result."""
LONGEST_PASS_MILLISECONDS = 86_400_000.0
"""A day."""
REASON = re.compile("[A-Z][A-Z_]{0,63}")
MOST_PROBED = 64
"""Most scores of an endpoint's probe picture that are kept with a version."""


def task_message(task: Task, threads: int) -> worker_pb2.Task:
    """Return what the handler reads as `task.binpb`. `threads` is for torch; 0 lets it choose."""
    message = worker_pb2.Task(
        id=task.id,
        attempt=task.attempt,
        model_version=version_message(task.model_version),
        parts=[version_message(part) for part in task.parts],
        device=task.device,
        threads=threads,
        probe=task.model_version.check.probe if task.model_version.check else (),
        traceparent=task.traceparent,
    )
    match task.work:
        case CheckWork():
            message.check.SetInParent()
        case SearchWork():
            message.search.CopyFrom(search_work_message(task.work))
        case ScoreWork():
            message.score.CopyFrom(score_work_message(task.work))
        case SpotWork():
            message.spot.CopyFrom(spot_work_message(task.work))
    return message


def search_work_message(work: SearchWork) -> worker_pb2.SearchWork:
    """Search work."""
    return worker_pb2.SearchWork(
        canvas=canvas_message(work.canvas),
        search=search_message(work.search),
        search_index=work.search_index,
        seed=work.seed,
        items=_items(work.items),
        donors=_items(work.donors),
        controls=[control_plan_message(plan) for plan in work.controls],
        control_exclusions=[worker_pb2.Positions(positions=sorted(positions)) for positions in work.control_exclusions],
        framing=None if work.framing is None else input_message(work.framing),
        max_image_pixels=work.max_image_pixels,
        temperature=work.temperature,
        critical_temperatures=work.critical_temperatures,
    )


def score_work_message(work: ScoreWork) -> worker_pb2.ScoreWork:
    """Score work."""
    places = {item.position: place for place, item in enumerate(work.items)}
    return worker_pb2.ScoreWork(
        canvas=canvas_message(work.canvas),
        fill=fill_number(work.fill),
        threshold=work.threshold,
        seed=work.seed,
        items=_items(work.items),
        donors=_items(work.donors),
        subsets=[subset_message(given.subset) for given in work.subsets],
        target_classes=[given.target_class for given in work.subsets],
        subset_items=[places[given.position] for given in work.subsets],
        framing=None if work.framing is None else input_message(work.framing),
        max_image_pixels=work.max_image_pixels,
    )


def spot_work_message(work: SpotWork) -> worker_pb2.SpotWork:
    """Spot work."""
    return worker_pb2.SpotWork(
        canvas=canvas_message(work.canvas),
        seed=work.seed,
        items=_items(work.items),
        predicted=work.predicted,
        subsets=[subset_message(subset) for subset in work.subsets.values()],
        subset_items=work.subsets.keys(),
        rows=work.rows,
        framing=None if work.framing is None else input_message(work.framing),
        max_image_pixels=work.max_image_pixels,
        chosen=[message_of(row, worker_pb2.SpotRow) for row in work.chosen],
    )


def _items(items: Iterable[AuditItem]) -> list[worker_pb2.Item]:
    return [
        worker_pb2.Item(
            position=item.position,
            item=item.item,
            image_digest=item.image_digest,
            label=item.label,
            boxes_digest=item.boxes_digest,
            mask_digest=item.mask_digest,
        )
        for item in items
    ]


def chunk_of(data: bytes) -> worker_pb2.Chunk:
    """Return the chunk in a message of the stream. Raises TaskFailed when it is not a chunk."""
    try:
        return worker_pb2.Chunk.FromString(data)
    except DecodeError:
        raise TaskFailed(HANDLER_BUG, "the handler sent data that is not a chunk", model_at_fault=False) from None


def event_of(chunk: worker_pb2.Chunk, task: Task) -> TaskEvent:
    """Return the event in a chunk.

    Raises:
        TaskFailed: the handler ended the task, or the chunk is invalid.
    """
    match chunk.WhichOneof("body"):
        case "started":
            return started_event(chunk.started)
        case "heartbeat":
            return TaskHeartbeat(passes_done=chunk.heartbeat.passes_done, phase=chunk.heartbeat.phase)
        case "findings":
            return findings_event(chunk.findings)
        case "scores":
            return scores_event(chunk.scores, task)
        case "spots":
            return spots_event(chunk.spots)
        case "check":
            return TaskChecked(check=check_of(chunk.check))
        case "finished":
            return finished_event(chunk.finished)
        case "failure":
            raise failed(chunk.failure)
    raise TaskFailed(HANDLER_BUG, "the handler sent an empty chunk", model_at_fault=False)


def started_event(started: worker_pb2.Started) -> TaskStarted:
    """Return what a task runs on."""
    versions = sorted(started.versions.items())[:MOST_PACKAGES]
    return TaskStarted(_words(started.device), {_words(package): _words(version) for package, version in versions})


def failed(failure: worker_pb2.Failure) -> TaskFailed:
    """Return the failure that a model's process tells. Files of a model and programs can put any text into it."""
    if REASON.fullmatch(failure.reason) is None:
        return TaskFailed(HANDLER_BUG, "the handler sent a failure without a reason", model_at_fault=False)
    detail = _words(failure.detail, LONGEST_DETAIL)
    return TaskFailed(failure.reason, detail, model_at_fault=failure.model_at_fault)


def _words(text: str, longest: int = LONGEST_WORDS) -> str:
    """Return a text as it may be stored and shown: shortened, without control characters."""
    kept = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return NOT_PLAIN.sub("\N{REPLACEMENT CHARACTER}", kept)


def finished_event(finished: worker_pb2.Finished) -> TaskFinished:
    """Return how a task ended."""
    return TaskFinished(
        finished.passes_done,
        finished.chunk_size,
        _words(finished.dtype),
        gradient_free=finished.gradient_free,
        acceleration=acceleration_of(finished.acceleration) if finished.HasField("acceleration") else None,
    )


def acceleration_of(message: worker_pb2.Acceleration) -> Acceleration:
    """Return how a search's passes ran, as JSON values, whatever a model's process wrote."""
    return Acceleration(
        folded=message.folded,
        dtype=_words(message.dtype),
        difference=_finite(message.difference),
        declined=_words(message.declined),
        compiled=message.compiled,
        graphs=message.graphs,
        margin_difference=_finite(message.margin_difference),
        aim=_finite(message.aim),
    )


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def check_of(check: worker_pb2.CheckAnswer) -> ModelCheck:
    """Return the result of a check. Raises TaskFailed when it lacks the kind of the model's output."""
    kind = enum_value(model_pb2.OutputKind, "OUTPUT_KIND", check.output_kind, OutputKind)
    if kind is None:
        raise TaskFailed(HANDLER_BUG, "the handler sent no output kind", model_at_fault=False)
    return ModelCheck(
        class_count=check.class_count,
        output_kind=kind,
        useful_gradient=check.useful_gradient,
        pass_milliseconds=min(max(_finite(check.pass_milliseconds), 0.0), LONGEST_PASS_MILLISECONDS),
        probe=tuple(map(_finite, check.probe[:MOST_PROBED])),
    )


def findings_event(message: worker_pb2.Findings) -> TaskFindings:
    """Return the findings as the handler wrote them."""
    findings = tuple(finding_value(entry.finding, entry.position) for entry in message.entries)
    return TaskFindings(findings=findings, passes_done=message.passes_done)


def scores_event(message: worker_pb2.Scores, task: Task) -> TaskScores:
    """Return the scores, each with the subset that it belongs to."""
    given = task.work.subsets if isinstance(task.work, ScoreWork) else ()
    scores = tuple(_score(entry, given) for entry in message.entries)
    return TaskScores(scores=scores, passes_done=message.passes_done)


def spots_event(message: worker_pb2.Spots) -> TaskSpots:
    """Return the rows of the spot test as the handler wrote them."""
    return TaskSpots(tuple(record_of(row, SpotRow) for row in message.entries), message.passes_done)


def _score(entry: worker_pb2.Scores.Entry, given: Sequence[GivenSubset]) -> SubsetScore:
    if not 0 <= entry.subset < len(given):
        raise TaskFailed(
            HANDLER_BUG,
            f"the handler sent a score for subset {entry.subset}, which is not in the task",
            model_at_fault=False,
        )
    reason = enum_value(finding_pb2.FindingReason, "FINDING_REASON", entry.reason, FindingReason)
    if reason is None and not (entry.HasField("predicted_class") and math.isfinite(entry.confidence)):
        raise TaskFailed(
            HANDLER_BUG,
            "the handler sent a score without a class or a number, and without a reason",
            model_at_fault=False,
        )
    if reason is not None:
        return SubsetScore(given[entry.subset], reason=reason)
    return SubsetScore(given[entry.subset], entry.confidence, entry.predicted_class)
