"""Faults of Postgres during an audit: stopped, killed, connections cut or silent, connections refused."""

import contextlib
import time
import urllib.request

import grpc
import psutil
import psycopg
import pytest
from modicum.v1 import audit_service_pb2, audit_service_pb2_grpc
from sqlalchemy import make_url

from tests.faults.calls import RpcLogged, metadata
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import descendants
from tests.faults.proxy import proxied
from tests.faults.signs import Line
from tests.faults.stage import SUBJECT, Stage
from tests.poolers import pooled
from tests.readiness import readiness
from tests.waiting import eventually

REFUSED_SECONDS = 30.0
WITHIN_A_SHARD = (1, 5, 9)
OURS = "application_name ~ '^(api|worker)' AND datname = 'modicum'"
RECONNECT = "The API and the worker retry until the database is back. Every transaction is stored whole or not at all."
NOT_WRITTEN = Line("worker", "findings_not_written", names_audit=True)


def stop_and_start(trial: Trial) -> None:
    """Stop Postgres as an operator does during a worker's transaction, and start it again.

    A shutdown ends connections in any order. If it ended the gate's first, the waiting transaction could still commit.
    """
    trial.gate.leave()
    trial.gate.end_waiting()
    trial.stage.database.halt()
    try:
        _require_away(trial.stage)
    finally:
        trial.stage.database.resume()


def kill_and_start(trial: Trial) -> None:
    """Kill every process of Postgres and start it again. It recovers from its log."""
    trial.gate.leave()
    postmaster = psutil.Process(trial.stage.database.pid)
    processes = [postmaster, *descendants(postmaster.pid)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes[1:])
    trial.stage.database.halt()
    trial.stage.database.resume()


def cut_connections(trial: Trial) -> None:
    """End every connection of the service, including that of the waiting transaction, several times."""
    for _ in range(3):
        cut = trial.stage.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
        trial.note(f"{len(cut)} connections cut")
        trial.gate.open()
        time.sleep(trial.random.uniform(0.1, 0.5))  # the fault itself: connections are cut again during recovery


def silence_connections(trial: Trial) -> None:
    """Make the only worker's connections silent during a transaction, without closing them."""
    with proxied(trial.stage.database.url) as proxy, trial.stage.worker.away():
        trial.stage.worker.terminate()
        with trial.stage.another_worker(MODICUM_DATABASE_URL=proxy.url):
            trial.submit()
            trial.gate.wait_reached()
            trial.note(f"{proxy.silence()} connections silent")
            trial.gate.open()
            trial.ended()  # the connections stay silent until the end
            trial.wait_ended()


def kill_pooler(trial: Trial) -> None:
    """Kill the pooler between the only worker and Postgres during a transaction, and start it again."""
    with pooled(trial.stage.database.url) as pooler, trial.stage.worker.away():
        trial.stage.worker.terminate()
        places = {"MODICUM_DATABASE_URL": pooler.url, "MODICUM_DATABASE_LISTEN_URL": trial.stage.database.url}
        with trial.stage.another_worker(**places):
            trial.submit()
            trial.gate.wait_reached()
            trial.gate.leave()
            pooler.kill()
            trial.gate.end_waiting()
            pooler.start()
            trial.ended()
            trial.wait_ended()


def refuse(trial: Trial) -> None:
    """Make the running database refuse all connections for half a minute."""
    elsewhere = make_url(trial.stage.database.url).set(database="postgres").render_as_string(hide_password=False)
    trial.gate.leave()
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute("ALTER DATABASE modicum ALLOW_CONNECTIONS false")
        try:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'modicum'")
            end = time.monotonic() + REFUSED_SECONDS
            _require_away(trial.stage)
            time.sleep(max(0.0, end - time.monotonic()))  # the fault itself
        finally:
            connection.execute("ALTER DATABASE modicum ALLOW_CONNECTIONS true")


def _require_away(stage: Stage) -> None:
    """Check that the API runs, reports the database as away, and fails calls with a code that clients retry."""
    assert urllib.request.urlopen(f"{stage.http_url}/healthz", timeout=60).status == 200
    away = (503, False, True)
    eventually(lambda: _readiness(stage) == away, "the database to be away, and the artifact store not")
    request = audit_service_pb2.ListAuditsRequest(parent=SUBJECT)
    with grpc.insecure_channel(stage.address) as channel:
        audits = audit_service_pb2_grpc.AuditServiceStub(channel)
        with pytest.raises(grpc.RpcError) as failed:
            audits.ListAudits(request, metadata=metadata(), timeout=60)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "not available" in failed.value.details()


def _readiness(stage: Stage) -> tuple[int, bool, bool]:
    """The status of readiness, and whether the database and the artifact store can be used."""
    told = readiness(stage.http_url)
    return told.status, told.states["database"], told.states["artifact_store"]


def back(trial: Trial) -> None:
    """Check that the API becomes ready again."""
    eventually(lambda: readiness(trial.stage.http_url), "the API to be ready")


FAULTS = (
    Fault(
        name="postgres_stopped_and_started",
        when="A worker is storing findings.",
        injected="Postgres is stopped (fast shutdown) and started again at the same address.",
        mechanism=RECONNECT,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=stop_and_start,
        also=back,
        signs=(NOT_WRITTEN, RpcLogged("ListAudits", "UNAVAILABLE")),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_killed",
        when="A worker is storing findings.",
        injected="Every process of Postgres is killed (`kill -9`). Postgres is started again and recovers.",
        mechanism=RECONNECT,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=kill_and_start,
        also=back,
        signs=(NOT_WRITTEN,),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_stopped_as_the_audit_succeeds",
        when="A worker is setting the audit to SUCCEEDED.",
        injected="Postgres is stopped (fast shutdown) and started again at the same address.",
        mechanism=RECONNECT,
        point=Point.SUCCEED,
        strike=stop_and_start,
        also=back,
        signs=(Line("worker", "shard_put_off", names_audit=True),),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_connections_cut",
        when="A worker is storing findings.",
        injected="`pg_terminate_backend` ends every connection of the API and the worker, three times.",
        mechanism=RECONNECT,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=cut_connections,
        also=back,
        signs=(NOT_WRITTEN, Line("api", "listener_lost")),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_connections_silent",
        when="A worker is storing findings.",
        injected="A proxy stops forwarding on the worker's open connections without closing them. New connections "
        "work.",
        mechanism="A query fails after 45 s without a reply, and its connection is closed. The database ends the idle "
        "transaction.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        submits=False,
        strike=silence_connections,
        signs=(Line("worker", "lease_not_renewed"), Line("worker", "leases_expired")),
        fails_without="the time limit of a query",
    ),
    Fault(
        name="pooler_killed",
        when="A worker that reaches Postgres through PgBouncer, by transactions, is storing findings.",
        injected="PgBouncer is killed (`kill -9`) and started again at the same address.",
        mechanism=RECONNECT,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        submits=False,
        strike=kill_pooler,
        signs=(NOT_WRITTEN,),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_refuses_for_30_s",
        when="A worker is storing findings.",
        injected="Postgres ends every connection and refuses new ones for 30 s, which is ten leases.",
        mechanism="The worker keeps findings until they can be stored. After four leases it gives up the shard, which "
        "starts again. Watches resume.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=refuse,
        also=back,
        signs=(NOT_WRITTEN, Line("worker", "lease_not_renewed"), RpcLogged("ListAudits", "UNAVAILABLE")),
        fails_without=WITHOUT_MECHANISM,
    ),
)
