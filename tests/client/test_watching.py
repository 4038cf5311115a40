"""The progress of an audit: streams break, resume by sequence, and end with the last snapshot."""

import itertools
import re
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import grpc
import pytest
from modicum import InvalidArgument, Statistics, errors
from modicum.cli.exit_codes import exit_code
from modicum.cli.progress import LiveView, PlainView, live_progress, view
from modicum.cli.watching import Pace, checked, duration, watched
from modicum.searches import specification_value
from modicum.snapshots import AuditState
from modicum.v1 import audit_pb2
from modicum.versions import VersionState
from rich.console import Console

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
DONE = object()


@pytest.fixture
def audit(client):
    return client.audits.create(models=["m"], dataset="d", thresholds=[0.9, 0.99], controls=["fill:4"])


def test_the_specification_is_read_back(audit, script):
    request = script.calls["CreateAudit"][0]

    assert list(request.audit.specification.model_versions) == ["projects/default/models/m/versions/1"]
    assert request.audit.specification.dataset == "projects/default/datasets/d"
    assert [search.threshold for search in request.audit.specification.searches] == [0.9, 0.99]
    assert [(plan.control, plan.images) for plan in request.audit.specification.controls] == [(2, 4)]
    assert not request.audit.specification.no_controls


def test_no_controls_differ_from_the_default_controls(client, script):
    client.audits.create(models=["m"], dataset="d", thresholds=[0.9], controls=[])
    client.audits.create(models=["m"], dataset="d", thresholds=[0.9])

    assert [request.audit.specification.no_controls for request in script.calls["CreateAudit"]] == [True, False]


@pytest.mark.parametrize(("controls", "alone"), [(None, False), ([], True), (["fill"], False)])
def test_a_budget_of_pixel_subsets_is_sent_beside_the_controls(client, script, controls, alone):
    client.audits.create(models=["m"], dataset="d", thresholds=[0.9], controls=controls, pixel_subsets=300)

    specification = script.calls["CreateAudit"][0].audit.specification
    assert (specification.controls[-1].control, specification.controls[-1].passes) == (9, 300)
    assert len(specification.controls) == 1 + len(controls or ())
    assert specification.no_controls is alone


@pytest.mark.parametrize(("method", "number"), [(None, 0), ("batched_gradient", 2), ("mask_optimization", 3)])
def test_the_method_of_pixel_subsets_is_sent_where_it_is_named(client, script, method, number):
    named = {} if method is None else {"pixel_subsets_method": method}
    client.audits.create(models=["m"], dataset="d", thresholds=[0.9], pixel_subsets=300, **named)

    (plan,) = script.calls["CreateAudit"][0].audit.specification.controls
    assert plan.method == number


def test_a_method_of_pixel_subsets_without_a_budget_is_refused(client):
    with pytest.raises(InvalidArgument, match="pixel_subsets_method: needs pixel_subsets"):
        client.audits.create(models=["m"], dataset="d", thresholds=[0.9], pixel_subsets_method="batched_gradient")


def test_only_given_statistics_are_sent(client, script):
    client.audits.create(models=["m"], dataset="d", thresholds=[0.9], level=0.9, accuracy_limit=0)
    client.audits.create(models=["m"], dataset="d", thresholds=[0.9], alpha=0.1, ratio_limit=1.5)

    sent = [
        {field.name: value for field, value in request.audit.specification.statistics.ListFields()}
        for request in script.calls["CreateAudit"]
    ]
    assert sent == [{"level": 0.9, "accuracy_limit": 0.0}, {"alpha": 0.1, "ratio_limit": 1.5}]


def test_statistics_that_an_older_server_did_not_set_are_none():
    message = audit_pb2.AuditSpecification(statistics=audit_pb2.Statistics(level=0.9, accuracy_limit=0))

    assert specification_value(message).statistics == Statistics(level=0.9, accuracy_limit=0)
    assert specification_value(audit_pb2.AuditSpecification()).statistics == Statistics()


def test_a_watch_resumes_after_the_last_sequence(audit, script):
    script.watches = [
        ([(1, "QUEUED"), (4, "RUNNING")], UNAVAILABLE),
        ([], UNAVAILABLE),
        ([(4, "RUNNING"), (7, "RUNNING"), (9, "SUCCEEDED")], DONE),
    ]

    seen = [(snapshot.sequence, str(snapshot.state)) for snapshot in audit.watch()]

    assert seen == [(1, "QUEUED"), (4, "RUNNING"), (7, "RUNNING"), (9, "SUCCEEDED")]
    assert [request.after_sequence for request in script.calls["WatchAudit"]] == [0, 4, 4]
    assert audit.state == "SUCCEEDED"


def test_a_forbidden_watch_is_an_error_at_once(audit, script):
    script.watches = [([], grpc.StatusCode.PERMISSION_DENIED)]

    with pytest.raises(errors.PermissionDenied):
        next(audit.watch())


def test_a_watch_may_be_left_early(audit, script):
    script.watches = [([(1, "RUNNING"), (2, "RUNNING")], None)]

    assert [snapshot.sequence for snapshot in itertools.islice(audit.watch(), 1)] == [1]


def test_waiting_for_an_audit_that_fails_raises_its_reason(audit, script):
    script.watches = [([(3, "FAILED")], DONE)]

    with pytest.raises(errors.AuditFailed, match="it died on grey") as caught:
        audit.wait()

    assert caught.value.reason == "MODEL_DIED"
    assert exit_code(caught.value) == 3


def test_waiting_for_an_audit_that_is_cancelled_raises(audit, script):
    script.watches = [([(3, "CANCELLED")], DONE)]

    with pytest.raises(errors.AuditCancelled):
        audit.wait()


def test_waiting_has_an_end(audit, script):
    script.watches = [([(1, "RUNNING")], None)]

    with pytest.raises(errors.DeadlineExceeded, match="it goes on"):
        audit.wait(0.2)


def test_the_pace_counts_from_the_first_passes(audit):
    times = iter([0.0, 10.0, 14.0])
    pace = Pace(clock=lambda: next(times))
    running = [_with_passes(audit.snapshot, passes) for passes in (0, 100, 300)]

    assert [pace.rate(snapshot) for snapshot in running] == [None, None, 50.0]


def _with_passes(snapshot, passes):
    return replace(snapshot, passes_done=passes)


def test_a_bar_shows_the_passes_done_and_planned_until_the_end(audit, script):
    details = _details(audit, script, (3, "RUNNING"), (4, "SUCCEEDED"))

    planned = audit.snapshot.passes_planned
    assert ["of at most" in detail for detail in details] == [True, False]
    assert f"of at most {planned:,} passes" in details[0]


def test_a_bar_shows_what_a_queued_audit_waits_for(audit, script):
    details = _details(audit, script, (2, "QUEUED"), (3, "RUNNING"), (4, "SUCCEEDED"))

    assert ["queued until a worker is free" in detail for detail in details] == [True, False, False]


@pytest.mark.parametrize(("width", "begins"), [(80, "audit audit-a844baed6… ━━━"), (60, "audit audi… ━━━")])
def test_a_line_has_the_bar_and_the_time_that_is_left(audit, width, begins):
    snapshot = replace(
        audit.snapshot,
        state=AuditState.RUNNING,
        stage="SEARCH",
        images_total=600,
        passes_done=5,
        passes_planned=541_196,
    )
    console = Console(width=width, force_terminal=True, file=StringIO())
    progress = live_progress(console)

    view = LiveView(progress)
    watched(SimpleNamespace(name="audit-a844baed645c", watch=lambda: [timed(snapshot, 104.0)], wait=lambda: None), view)

    console.print(progress.get_renderable())
    (line,) = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue()).splitlines()
    assert len(line) == width
    assert line.startswith(begins)
    assert "search, at most 1 min 44 s left, " in line


@pytest.mark.parametrize(("term", "kind"), [("xterm", LiveView), ("dumb", PlainView)])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch, term, kind):
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: True, write=len, flush=int))
    monkeypatch.setenv("TERM", term)

    with view(quiet=False) as shown:
        assert isinstance(shown, kind)


def timed(snapshot, seconds):
    return replace(snapshot, remaining_seconds=seconds)


def test_without_an_estimate_of_the_server_no_time_is_shown(audit, script):
    assert not any("left" in detail for detail in _details(audit, script, (3, "RUNNING"), (4, "SUCCEEDED")))


def _details(audit, script, *snapshots):
    script.watches = [(list(snapshots), DONE), ([snapshots[-1]], DONE)]
    details = []
    watched(audit, SimpleNamespace(show=lambda step, share, detail: details.append(detail)))
    return details


@pytest.mark.parametrize(
    ("state", "changes", "says"),
    [
        (AuditState.QUEUED, {"audits_ahead": 0}, "queued until a worker is free and has loaded the model, "),
        (AuditState.QUEUED, {"audits_ahead": None}, "queued until a worker is free and has loaded the model, "),
        (AuditState.QUEUED, {"audits_ahead": 1}, "queued behind 1 audit,"),
        (AuditState.QUEUED, {"audits_ahead": 1_200}, "queued behind 1,200 audits,"),
        (AuditState.RUNNING, {"waits_for_worker": True}, "waiting for a free worker, "),
        (AuditState.RUNNING, {"waits_for_worker": False}, "search, "),
        (AuditState.RUNNING, {"waiting_reason": "the artifact store is full"}, "waiting: the artifact store is full, "),
        (AuditState.QUEUED, {"waiting_reason": "the store is away"}, "waiting: the store is away"),
    ],
)
def test_a_bar_says_what_an_audit_waits_for(audit, state, changes, says):
    snapshot, details = replace(audit.snapshot, state=state, stage="SEARCH", **changes), []

    watched(
        SimpleNamespace(name="a", watch=lambda: [snapshot], wait=lambda: None),
        SimpleNamespace(show=lambda step, share, detail: details.append(detail)),
    )

    assert details[0].startswith(says)


def _pending(*, waits_for_worker=False, failed_try="", state=VersionState.PENDING):
    name = "projects/default/models/m/versions/1"
    return SimpleNamespace(name=name, state=state, waits_for_worker=waits_for_worker, failed_try=failed_try)


def _said_of_checks(*versions):
    said, models = [], SimpleNamespace(watch=lambda version: iter(versions))
    ended = checked(SimpleNamespace(models=models), versions[0], SimpleNamespace(say=said.append))
    assert ended is versions[-1]
    return said


@pytest.mark.parametrize(
    ("waits_for_worker", "says"),
    [
        (False, "model m/1: waiting until a worker has loaded and checked it"),
        (True, "model m/1: no worker that can check it runs yet; waiting until one has started"),
    ],
)
def test_the_command_says_what_a_check_waits_for(waits_for_worker, says):
    assert _said_of_checks(_pending(waits_for_worker=waits_for_worker)) == [says]


def test_the_command_says_why_a_try_of_a_check_failed_before_the_next_ends():
    failed = _pending(failed_try="try 1 of 2 failed after 60 s")

    said = _said_of_checks(_pending(), failed, failed, _pending(state=VersionState.READY))

    assert said[1:] == ["model m/1: try 1 of 2 failed after 60 s. It is tried again"]


def test_a_watch_yields_the_same_sequence_again_where_the_place_in_the_queue_moved(audit, script):
    script.watches = [([(1, "QUEUED", 2), (1, "QUEUED", 2), (1, "QUEUED", 1), (2, "RUNNING"), (3, "SUCCEEDED")], DONE)]

    seen = [(snapshot.sequence, snapshot.audits_ahead) for snapshot in audit.watch()]

    assert seen == [(1, 2), (1, 1), (2, None), (3, None)]


def test_durations_are_shown_in_minutes_and_seconds():
    assert [duration(seconds) for seconds in (0, 59.6, 61, -1)] == ["0 s", "1 min 0 s", "1 min 1 s", "0 s"]
