"""Faults of the API: killed or terminated during an upload, the creation of an audit, or a watch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import pytest

from tests.faults.calls import Caller, RpcLogged, caller, create_request
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.proxy import Proxy, proxied
from tests.faults.signs import Line
from tests.faults.stage import BESIDE, SUBJECT, Stage
from tests.faults.uploading import MEBIBYTE, drawn, require_whole, send, stored_bytes
from tests.waiting import PATIENCE_SECONDS, eventually

UPLOAD_BYTES = 16 * MEBIBYTE
WITHIN_A_SHARD = (1, 5, 9)
#: MODICUM_GRACE_SECONDS of the stage.
GRACE_SECONDS = 4.0
#: What a loaded machine needs besides to end a process.
STOP_SECONDS = 30.0
KILLED = "The API is killed (`kill -9`). Another one is started."
TERMINATED = "The API gets SIGTERM. Another one is started."
UPLOADS_RESUME = "Received bytes are kept by project and digest. The client asks how many there are and sends the rest."
REQUEST_IDS = "The request id is stored in the same transaction as the audit, and locked until that ends."
STARTED = Line("api", "api_started")


def kill_while_it_takes_an_upload(trial: Trial) -> None:
    """Kill the API when half is sent. The client sends only the rest to the next one."""
    _upload_over(trial, trial.stage.api.kill)


def terminate_while_it_takes_an_upload(trial: Trial) -> None:
    """Terminate the API when half is sent."""
    _upload_over(trial, trial.stage.api.terminate)


def _upload_over(trial: Trial, end: Callable[[], object]) -> None:
    """End the API in the middle of an upload. The next API must take exactly the bytes that this one had not stored."""
    held = 0

    def end_it() -> None:
        nonlocal held
        end()
        held = stored_bytes(trial.stage, content)

    with drawn(trial, UPLOAD_BYTES) as content:
        send(trial.stage, content, half_sent=end_it)
        require_whole(trial.stage, content)
        taken = trial.stage.metrics(trial.stage.api)["modicum_upload_bytes_total"]
        assert held, "expected the API that ended to have stored some bytes"
        assert taken == UPLOAD_BYTES - held, f"expected only the rest of {held:,} bytes to be sent, got {taken:,.0f}"
        trial.note(f"{taken / MEBIBYTE:.1f} of {UPLOAD_BYTES // MEBIBYTE} MiB were sent to the next API")


def kill_before_the_commit(trial: Trial) -> None:
    """Kill the API while its transaction waits to insert the audit. Then send the same request again."""
    with caller(trial.stage) as calling:
        request = create_request(trial)
        first = calling.create(request)
        trial.gate.wait_reached()
        trial.stage.api.kill()
        assert first.code() is grpc.StatusCode.UNAVAILABLE
        trial.gate.open()
        _repeat_request(trial, calling, request)


def kill_after_the_commit(trial: Trial) -> None:
    """Kill the API when the audit is stored but the API has no confirmation. Then send the same request again."""
    with proxied(trial.stage.database.url) as proxy, _api_behind(trial.stage, proxy), caller(trial.stage) as calling:
        request = create_request(trial)
        proxy.withhold(b"INSERT INTO audits")
        first = calling.create(request)
        assert proxy.withheld.wait(PATIENCE_SECONDS), "expected the commit to reach the proxy, it did not"
        stored = "SELECT 1 FROM requests WHERE request_id = %s"
        eventually(lambda: trial.stage.sql(stored, request.request_id), "the request to be stored")
        assert not first.done(), "expected no acknowledgement yet"
    with pytest.raises(grpc.RpcError):
        first.result()
    with caller(trial.stage) as calling:
        _repeat_request(trial, calling, request)


def _repeat_request(trial: Trial, calling: Caller, request: object) -> None:
    name = calling.create(request).result().name
    assert calling.create(request).result().name == name
    trial.follow(SUBJECT, name)
    trial.submit_to(BESIDE)


@contextmanager
def _api_behind(stage: Stage, proxy: Proxy) -> Iterator[None]:
    """Run the API behind the proxy. At the end, kill it and start the next one without the proxy."""
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
    """Kill the API while both audits are watched."""
    eventually(lambda: all(watcher.seen for watcher in trial.watchers.values()), "both watches to be open")
    trial.stage.api.kill()


def terminate_while_it_is_watched(trial: Trial) -> None:
    """Terminate the API during watches. A watch with a single attempt must learn where to resume."""
    with caller(trial.stage) as calling:
        watch = calling.watch(trial.name)
        sequence = next(watch).audit.sequence
        took = trial.stage.api.terminate()
        with pytest.raises(grpc.RpcError):
            list(watch)
        assert (watch.code(), str(sequence) in watch.details()) == (grpc.StatusCode.UNAVAILABLE, True), watch.details()
    patience = GRACE_SECONDS + STOP_SECONDS
    assert took < patience, f"expected the API to stop within its grace period, it took {took:.0f} s"
    trial.note(f"the API stopped after {took:.1f} s")


FAULTS = (
    Fault(
        name="api_killed_during_an_upload",
        when="Half of an upload has been sent, while an audit is running.",
        injected=KILLED,
        mechanism=UPLOADS_RESUME,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=kill_while_it_takes_an_upload,
        signs=(STARTED,),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_terminated_during_an_upload",
        when="Half of an upload has been sent, while an audit is running.",
        injected=TERMINATED,
        mechanism=UPLOADS_RESUME,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=terminate_while_it_takes_an_upload,
        signs=(Line("api", "api_stopped"), STARTED),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_killed_before_the_commit_of_create_audit",
        when="The API is inserting the audit's row.",
        injected=f"{KILLED} The client sends the same request again.",
        mechanism=REQUEST_IDS,
        point=Point.CREATE,
        submits=False,
        strike=kill_before_the_commit,
        signs=(STARTED,),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_killed_after_the_commit_of_create_audit",
        when="The audit is stored but not yet acknowledged. A proxy withholds the reply of Postgres.",
        injected=f"{KILLED} The client sends the same request again.",
        mechanism=REQUEST_IDS,
        submits=False,
        strike=kill_after_the_commit,
        signs=(STARTED,),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_killed_during_a_watch",
        when="A worker has stored some findings of a shard. Both audits are watched.",
        injected=KILLED,
        mechanism="A watch resumes after the last sequence number that the client has seen.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=kill_while_it_is_watched,
        signs=(STARTED,),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="api_terminated_during_a_watch",
        when="A worker has stored some findings of a shard. Both audits are watched.",
        injected=TERMINATED,
        mechanism="The API ends open watches first and names the sequence number to resume after.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=terminate_while_it_is_watched,
        signs=(RpcLogged("WatchAudit", "UNAVAILABLE"), Line("api", "api_stopped"), STARTED),
        fails_without=WITHOUT_MECHANISM,
    ),
)
