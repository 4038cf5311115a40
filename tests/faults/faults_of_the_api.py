"""Faults of the API: killed or told to leave while it takes an upload, acknowledges an audit, or is watched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import pytest

from tests.faults.calls import Answered, Caller, caller, create_request
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import PATIENCE_SECONDS, eventually
from tests.faults.proxy import Proxy, proxied
from tests.faults.signs import Line
from tests.faults.stage import BESIDE, SUBJECT, Stage
from tests.faults.uploading import MEBIBYTE, drawn, require_whole, send

UPLOAD_BYTES = 16 * MEBIBYTE
WITHIN_A_SHARD = (1, 5, 9)
#: Settings of the stage: MODICUM_GRACE_SECONDS, and what a loaded machine takes beside it to end a process.
GRACE_SECONDS = 4.0
KILLED = "kill -9 of the API; the next one is started"
TOLD_TO_LEAVE = "SIGTERM of the API; the next one is started"
UPLOADS_RESUME = "what has arrived is kept by project and digest; the client asks how much, and sends the rest"
REQUEST_IDS = "the request id is stored in the transaction that stores the audit, and locked while it is open"
STARTED = Line("api", "api_started")


def kill_while_it_takes_an_upload(trial: Trial) -> None:
    """Kill it when half is sent; the rest is all that is sent to the next one."""
    _upload_over(trial, trial.stage.api.kill)


def terminate_while_it_takes_an_upload(trial: Trial) -> None:
    """Tell it to leave when half is sent."""
    _upload_over(trial, trial.stage.api.terminate)


def _upload_over(trial: Trial, end: Callable[[], object]) -> None:
    with drawn(trial, UPLOAD_BYTES) as content:
        send(trial.stage, content, half_sent=end)
        require_whole(trial.stage, content)
        taken = trial.stage.metrics(trial.stage.api)["modicum_upload_bytes_total"]
        assert taken <= UPLOAD_BYTES * 3 / 4, f"expected the rest alone to be sent again, got {taken:,.0f} bytes"
        trial.note(f"{taken / MEBIBYTE:.1f} of {UPLOAD_BYTES // MEBIBYTE} MiB were sent to the next one")


def kill_before_the_commit(trial: Trial) -> None:
    """Kill it while its transaction waits to insert the audit; then ask again under the same request id."""
    with caller(trial.stage) as calling:
        request = create_request(trial)
        first = calling.create(request)
        trial.gate.wait_reached()
        trial.stage.api.kill()
        assert first.code() is grpc.StatusCode.UNAVAILABLE
        trial.gate.open()
        _ask_twice_more(trial, calling, request)


def kill_after_the_commit(trial: Trial) -> None:
    """Kill it when the audit is stored, and it does not know that yet; then ask again under the same request id."""
    with proxied(trial.stage.database.url) as proxy, _api_behind(trial.stage, proxy), caller(trial.stage) as calling:
        request = create_request(trial)
        proxy.withhold(b"INSERT INTO audits")
        first = calling.create(request)
        assert proxy.withheld.wait(PATIENCE_SECONDS), "the commit did not come by"
        stored = "SELECT 1 FROM requests WHERE request_id = %s"
        eventually(lambda: trial.stage.sql(stored, request.request_id), "the request to be stored")
        assert not first.done(), "expected no acknowledgement yet"
    with pytest.raises(grpc.RpcError):
        first.result()
    with caller(trial.stage) as calling:
        _ask_twice_more(trial, calling, request)


def _ask_twice_more(trial: Trial, calling: Caller, request: object) -> None:
    name = calling.create(request).result().name
    assert calling.create(request).result().name == name
    trial.follow(SUBJECT, name)
    trial.submit_to(BESIDE)


@contextmanager
def _api_behind(stage: Stage, proxy: Proxy) -> Iterator[None]:
    """Let the API reach Postgres through the proxy alone; at the end it is killed, and the next one does without."""
    direct = stage.api.environment["MODICUM_DATABASE_URL"]
    stage.api.environment["MODICUM_DATABASE_URL"] = proxy.url
    stage.api.terminate()
    stage.wait_whole()
    try:
        yield
    finally:
        stage.api.environment["MODICUM_DATABASE_URL"] = direct
        stage.api.kill()
        stage.wait_whole()


def kill_while_it_is_watched(trial: Trial) -> None:
    """Kill it under the trial's two watchers."""
    eventually(lambda: all(watcher.seen for watcher in trial.watchers.values()), "both watches to be open")
    trial.stage.api.kill()


def terminate_while_it_is_watched(trial: Trial) -> None:
    """Tell it to leave under the trial's watchers and one that makes one attempt, which is told how to go on."""
    with caller(trial.stage) as calling:
        watch = calling.watch(trial.name)
        sequence = next(watch).audit.sequence
        took = trial.stage.api.terminate()
        with pytest.raises(grpc.RpcError):
            list(watch)
        assert (watch.code(), str(sequence) in watch.details()) == (grpc.StatusCode.UNAVAILABLE, True), watch.details()
    patience = GRACE_SECONDS + PATIENCE_SECONDS / 4
    assert took < patience, f"expected it to leave within its grace, it took {took:.0f} s"
    trial.note(f"it left after {took:.1f} s")


FAULTS = (
    Fault(
        name="api_killed_during_an_upload",
        where="half of an upload is sent, while an audit is worked on",
        injected=KILLED,
        mechanism=UPLOADS_RESUME,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=kill_while_it_takes_an_upload,
        signs=(STARTED,),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_told_to_leave_during_an_upload",
        where="half of an upload is sent, while an audit is worked on",
        injected=TOLD_TO_LEAVE,
        mechanism=UPLOADS_RESUME,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=terminate_while_it_takes_an_upload,
        signs=(Line("api", "api_stopped"), STARTED),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_killed_before_the_commit_of_create_audit",
        where="the API inserts the audit's row",
        injected=f"{KILLED}; the same request again",
        mechanism=REQUEST_IDS,
        point=Point.CREATE,
        submits=False,
        strike=kill_before_the_commit,
        signs=(STARTED,),
        quick=True,
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_killed_after_the_commit_of_create_audit",
        where="the audit is stored, its acknowledgement is not sent (a proxy keeps back what Postgres answers)",
        injected=f"{KILLED}; the same request again",
        mechanism=REQUEST_IDS,
        submits=False,
        strike=kill_after_the_commit,
        signs=(STARTED,),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_killed_during_a_watch",
        where="a worker has stored some findings of a shard; both audits are watched",
        injected=KILLED,
        mechanism="a watch resumes after the last sequence that it has seen",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=kill_while_it_is_watched,
        signs=(STARTED,),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_told_to_leave_during_a_watch",
        where="a worker has stored some findings of a shard; both audits are watched",
        injected=TOLD_TO_LEAVE,
        mechanism="open watches are ended first, with the sequence after which to resume",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=terminate_while_it_is_watched,
        signs=(Answered("WatchAudit", "UNAVAILABLE"), Line("api", "api_stopped"), STARTED),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
)
