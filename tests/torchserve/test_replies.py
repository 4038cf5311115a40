"""What TorchServe's errors and the handler's chunks mean, without either."""

import json
from dataclasses import asdict, replace

import grpc
import grpc.aio
import pytest
from modicum.v1 import finding_pb2, search_pb2
from modicum_server.codec.findings import finding_message
from modicum_server.domain.audits import AuditItem
from modicum_server.domain.findings import Finding, FindingReason, Subset
from modicum_server.domain.models import ModelCheck, OutputKind
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, Search, SearchMethod
from modicum_server.domain.tasks import (
    Acceleration,
    CheckWork,
    GivenSubset,
    ScoreWork,
    SearchWork,
    SubsetScore,
    TaskChecked,
    TaskFindings,
    TaskFinished,
    TaskHeartbeat,
    TaskScores,
    TaskStarted,
)
from modicum_server.generated.worker_pb2 import Chunk, Failure, Findings, Scores
from modicum_server.model_server import ModelDied, ModelHung, ModelOutOfMemory, ModelServerDown, TaskFailed
from modicum_server.torchserve.memory import memory_kills
from modicum_server.torchserve.messages import chunk_of, event_of, task_message
from modicum_server.torchserve.progress import ChunkSequence, Progress, hang_seconds, total_seconds
from modicum_server.torchserve.slots import pictures_of, weights_of
from modicum_server.torchserve.stream_errors import busy, failure_of

from tests.torchserve.torchserve_stage import DIGEST, task

Code = grpc.StatusCode


def error(code, details):
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


@pytest.mark.parametrize(
    ("code", "details", "meaning"),
    [
        (Code.INTERNAL, "Worker died.\norg.pytorch.serve.http.InternalServerException", ModelDied),
        (Code.RESOURCE_EXHAUSTED, "Worker died.", ModelOutOfMemory),
        (Code.CANCELLED, "over the size limit", ModelDied),
        (Code.DEADLINE_EXCEEDED, "", ModelHung),
        (Code.UNAVAILABLE, "Prediction failed", TaskFailed),
        (Code.UNAVAILABLE, "failed to connect to all addresses", ModelServerDown),
        (Code.NOT_FOUND, "Model not found", ModelServerDown),
        (Code.INTERNAL, "Model not found: slot0", ModelServerDown),
        (Code.UNKNOWN, None, ModelServerDown),
    ],
)
def test_an_error_means_what_the_table_says(code, details, meaning):
    assert type(failure_of(error(code, details))) is meaning
    assert not busy(error(code, details))


def test_no_free_worker_is_no_failure():
    assert busy(error(Code.INTERNAL, 'Model "slot0" has no worker to serve inference request.'))


def test_kills_for_memory_are_read_from_the_control_group_else_from_the_machine(tmp_path):
    events, statistics = tmp_path / "memory.events", tmp_path / "vmstat"
    statistics.write_text("nr_free_pages 7\noom_kill 3\n")

    assert memory_kills(events, statistics) == 3
    events.write_text("low 0\noom 1\noom_kill 2\noom_group_kill 0\n")
    assert memory_kills(events, statistics) == 2
    assert memory_kills(tmp_path / "none", tmp_path / "none") == 0


def chunk(attempt, sequence):
    return Chunk(attempt=attempt, sequence=sequence)


def test_only_chunks_of_the_attempt_are_admitted_and_in_sequence():
    sequence = ChunkSequence(2)

    assert [sequence.admits(chunk(2, 1)), sequence.admits(chunk(1, 1)), sequence.admits(chunk(2, 2))] == [
        True,
        False,
        True,
    ]
    with pytest.raises(ModelDied):
        sequence.admits(chunk(2, 1))


def test_heartbeats_that_report_nothing_new_are_no_progress():
    now = [0.0]
    progress = Progress(10, lambda: now[0])
    progress.note(TaskHeartbeat(1, "searching"))

    now[0] = 9
    progress.note(TaskHeartbeat(1, "searching"))
    now[0] = 11
    assert progress.overdue

    progress.note(TaskHeartbeat(2, "searching"))
    assert not progress.overdue


def test_time_in_which_nobody_listened_is_not_counted():
    now = [0.0]
    progress = Progress(10, lambda: now[0])

    now[0] = 25
    progress.excuse(20)

    assert not progress.overdue


def test_a_task_that_reports_a_little_progress_for_ever_has_a_limit():
    now = [0.0]
    progress = Progress(10, lambda: now[0], most_seconds=100)

    for passes in range(1, 13):
        now[0] += 9
        progress.note(TaskHeartbeat(passes, "searching"))
        assert not progress.overdue
        assert progress.endless == (now[0] > 100)

    progress.excuse(50)
    assert not progress.endless


def test_a_check_has_half_an_hour_by_default_and_a_shard_six_hours():
    assert total_seconds(60, CheckWork()) == 1_800
    assert total_seconds(60, ScoreWork(Canvas(3, 8, 8), Fill.MEAN, 0.9, 0, (), ())) == 6 * 3600


def test_a_slow_pass_is_given_three_times_its_time():
    slow = ModelCheck(10, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=30_000)

    version = task("x").model_version
    assert hang_seconds(60, version) == 60
    assert hang_seconds(60, replace(version, check=slow)) == 90


@pytest.mark.parametrize("claimed", [1e18, float("inf")])
def test_a_pass_that_is_said_to_take_for_ever_does_not_hold_a_slot_for_ever(claimed):
    check = ModelCheck(10, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=claimed)

    assert hang_seconds(60, replace(task("x").model_version, check=check)) == 180


def search_task():
    items = (AuditItem(4, "a.png", "a" * 64, 2), AuditItem(5, "b.png", "b" * 64, None))
    donors = (AuditItem(9, "c.png", "c" * 64, None),)
    search = Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=600)
    work = SearchWork(
        canvas=Canvas(3, 8, 8),
        search=search,
        search_index=1,
        seed=-5,
        items=items,
        donors=donors,
        controls=(ControlPlan(Control.CLASS_TARGETED, 4, 100),),
        control_exclusions=(frozenset({5, 4}),),
    )
    return replace(task("s"), work=work)


def test_a_search_is_written_whole():
    message = task_message(search_task(), 2)

    assert (message.id, message.attempt, message.threads, message.device) == ("s", 3, 2, "auto")
    assert message.search.search.passes == 600
    assert (message.search.seed, message.search.search_index) == (-5, 1)
    assert [item.position for item in message.search.items] == [4, 5]
    assert [item.HasField("label") for item in message.search.items] == [True, False]
    assert [item.image_digest for item in message.search.donors] == ["c" * 64]
    assert [plan.passes for plan in message.search.controls] == [100]
    assert list(message.search.control_exclusions[0].positions) == [4, 5]


def score_task():
    mask = Subset(b"\xf0" * 8, 8, 8, 32)
    given = tuple(
        GivenSubset(position, source, target, mask)
        for position, source, target in [(4, "a", 1), (4, "c", 2), (5, "a", 0)]
    )
    items = search_task().work.items
    work = ScoreWork(
        Canvas(3, 8, 8), Fill.MARGINAL, 0.9, 7, items, given, donors=(AuditItem(9, "c.png", "c" * 64, None),)
    )
    return replace(task("s"), work=work)


def test_a_score_task_is_written_whole():
    message = task_message(score_task(), 1).score

    assert (message.threshold, message.seed, message.fill) == (0.9, 7, search_pb2.FILL_MARGINAL)
    assert list(message.subset_items) == [0, 0, 1]
    assert list(message.target_classes) == [1, 2, 0]
    assert [one.size for one in message.subsets] == [32] * 3
    assert weights_of(score_task()) | pictures_of(score_task()) == {DIGEST, "a" * 64, "b" * 64, "c" * 64}


def test_a_score_is_told_with_the_subset_that_was_given():
    entries = [
        Scores.Entry(subset=1, confidence=0.5, predicted_class=3),
        Scores.Entry(subset=2, reason=finding_pb2.FINDING_REASON_NOT_FINITE),
    ]

    event = event_of(Chunk(scores=Scores(entries=entries, passes_done=2)), score_task())

    given = score_task().work.subsets
    assert event == TaskScores(
        (SubsetScore(given[1], 0.5, 3), SubsetScore(given[2], reason=FindingReason.NOT_FINITE)), 2
    )


@pytest.mark.parametrize(
    "entry",
    [
        Scores.Entry(subset=3, confidence=0.5, predicted_class=0),
        Scores.Entry(subset=-1, confidence=0.5, predicted_class=0),
        Scores.Entry(subset=0, confidence=0.5),
        Scores.Entry(subset=0, confidence=float("nan"), predicted_class=0),
    ],
)
def test_a_score_that_makes_no_sense_is_a_bug_of_the_handler(entry):
    with pytest.raises(TaskFailed) as caught:
        event_of(Chunk(scores=Scores(entries=[entry])), score_task())

    assert caught.value.task_reason == "HANDLER_BUG"


def test_a_check_is_written_as_one():
    assert task_message(task("c"), 1).WhichOneof("work") == "check"


def test_weights_images_and_donors_are_staged():
    assert weights_of(search_task()) == {DIGEST}
    assert pictures_of(search_task()) == {"a" * 64, "b" * 64, "c" * 64}


def test_boxes_and_masks_are_staged_and_named():
    items = (
        AuditItem(4, "a.png", "a" * 64, 2, boxes_digest="d" * 64),
        AuditItem(5, "b.png", "b" * 64, None, mask_digest="e" * 64),
    )
    boxed = replace(search_task(), work=replace(search_task().work, items=items, donors=()))

    assert pictures_of(boxed) == {letter * 64 for letter in "abde"}
    told = [(item.boxes_digest, item.mask_digest) for item in task_message(boxed, 1).search.items]
    assert told == [("d" * 64, ""), ("", "e" * 64)]


def test_findings_are_passed_on_as_the_handler_wrote_them():
    written = Finding(4, "other", "f" * 64, "projects/q/models/m/versions/9", 7, label=0, confidence=0.5, eligible=True)
    entry = Findings.Entry(position=4, finding=finding_message(written))

    event = event_of(Chunk(findings=Findings(entries=[entry], passes_done=9)), search_task())

    assert event == TaskFindings((written,), 9)


@pytest.mark.parametrize(
    "nonsense",
    [
        Chunk(),
        Chunk(check={"class_count": 3}),
    ],
)
def test_nonsense_is_a_bug_of_the_handler(nonsense):
    with pytest.raises(TaskFailed) as caught:
        event_of(nonsense, search_task())

    assert (caught.value.task_reason, caught.value.model_at_fault) == ("HANDLER_BUG", False)


def test_what_is_no_chunk_is_a_bug_of_the_handler():
    with pytest.raises(TaskFailed):
        chunk_of(b"\xff\xff")


def test_a_failure_is_told_with_its_reason_and_whose_fault_it_is():
    failure = Failure(reason="STATE_DICT_MISMATCH", detail="expected fc.weight", model_at_fault=True)

    with pytest.raises(TaskFailed, match=r"expected fc\.weight") as caught:
        event_of(Chunk(failure=failure), task("c"))

    assert (caught.value.task_reason, caught.value.model_at_fault) == ("STATE_DICT_MISMATCH", True)


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ("got evil:" + "X" * 1_000_000, "got evil:" + "X" * 1990 + "…"),
        ("got \x1b[31m\nFAKE\u202e<b>", "got \ufffd[31m\ufffdFAKE\ufffd<b>"),
        ("expected fc.weight", "expected fc.weight"),
    ],
    ids=["a megabyte", "controls of a terminal", "plain"],
)
def test_words_from_a_file_of_a_model_are_short_and_plain(detail, kept):
    with pytest.raises(TaskFailed) as caught:
        event_of(Chunk(failure=Failure(reason="ONNX_REFUSED", detail=detail, model_at_fault=True)), task("c"))

    assert str(caught.value) == kept


@pytest.mark.parametrize("reason", ["", "SAYS <b>", "X" * 65, "SHOUTED\n"])
def test_a_reason_that_is_none_is_a_bug_of_the_handler(reason):
    with pytest.raises(TaskFailed) as caught:
        event_of(Chunk(failure=Failure(reason=reason, detail="x", model_at_fault=True)), task("c"))

    assert (caught.value.task_reason, caught.value.model_at_fault) == ("HANDLER_BUG", False)


def test_what_a_process_says_of_its_machine_and_its_speed_is_bounded():
    versions = {f"package{number}": "\x1b" * 5_000 for number in range(1_000)}

    started = event_of(Chunk(started={"device": "\n" * 5_000, "versions": versions}), task("c"))
    checks = [
        event_of(Chunk(check={"class_count": 2, "output_kind": 1, "pass_milliseconds": claimed}), task("c"))
        for claimed in (float("nan"), -1.0, 1e300, 2.5)
    ]

    assert isinstance(started, TaskStarted)
    assert len(json.dumps(asdict(started))) < 100_000
    assert [one.check.pass_milliseconds for one in checks if isinstance(one, TaskChecked)] == [0, 0, 86_400_000, 2.5]


def test_a_heartbeat_is_told():
    assert event_of(Chunk(heartbeat={"passes_done": 5, "phase": "loading"}), task("c")) == TaskHeartbeat(5, "loading")


def test_an_ended_task_says_how_its_passes_ran():
    finished = {"passes_done": 5, "chunk_size": 2, "dtype": "float32"}
    ran = asdict(Acceleration(20, "bfloat16", 0.5, "why", compiled=True, graphs=True, margin_difference=0.25, aim=0.5))

    event = event_of(Chunk(finished={**finished, "acceleration": ran}), task("s"))

    assert event == TaskFinished(5, 2, "float32", acceleration=Acceleration(**ran))
    assert event_of(Chunk(finished=finished), task("c")) == TaskFinished(5, 2, "float32")


def test_what_a_model_s_process_says_of_its_passes_fits_into_a_document():
    ran = {"difference": float("nan"), "declined": "x" * 5_000}

    event = event_of(Chunk(finished={"acceleration": ran}), task("s"))

    assert isinstance(event, TaskFinished)
    assert event.acceleration == Acceleration(0, "", 0.0, "x" * 199 + "…")
