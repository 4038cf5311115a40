"""Faults of Postgres in mid-audit: stopped, killed, its connections cut or silent, refusing everybody for long."""

import contextlib
import json
import time
import urllib.error
import urllib.request

import grpc
import psutil
import psycopg
import pytest
from modicum.v1 import audit_service_pb2, audit_service_pb2_grpc
from sqlalchemy import make_url

from tests.faults.calls import Answered, metadata
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import descendants, eventually
from tests.faults.proxy import proxied
from tests.faults.signs import Line
from tests.faults.stage import SUBJECT, Stage

REFUSED_SECONDS = 30.0
WITHIN_A_SHARD = (1, 5, 9)
OURS = "application_name ~ '^(api|worker)' AND datname = 'modicum'"
RECONNECT = "every loop of API and worker goes on when the database is away; transactions are whole or not at all"
NOT_WRITTEN = Line("worker", "findings_not_written", names_audit=True)


def stop_and_start(trial: Trial) -> None:
    """Stop it as an operator does, a transaction of a worker in the midst of it, and start it again."""
    trial.gate.leave()
    trial.stage.database.halt()
    _expect_away(trial.stage)
    trial.stage.database.resume()


def kill_and_start(trial: Trial) -> None:
    """kill -9 of every process of it; it recovers from its log when it is started again."""
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
    """End every connection of ours from inside, that of the waiting transaction too; again a little later."""
    for _ in range(3):
        cut = trial.stage.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
        trial.note(f"{len(cut)} connections cut")
        trial.gate.open()
        time.sleep(trial.random.uniform(0.1, 0.5))  # the fault itself: they are cut again while they come back


def silence_connections(trial: Trial) -> None:
    """Let the only worker's connections go silent without being closed, a transaction in the midst of it."""
    with proxied(trial.stage.database.url) as proxy, trial.stage.worker.away():
        trial.stage.worker.terminate()
        with trial.stage.another_worker(MODICUM_DATABASE_URL=proxy.url):
            trial.submit()
            trial.gate.wait_reached()
            trial.note(f"{proxy.silence()} connections silent")
            trial.gate.open()
            trial.ended()  # nothing more happens: those connections stay silent until the end
            trial.wait_ended()


def refuse(trial: Trial) -> None:
    """Let the database refuse everybody for half a minute; it runs all the time."""
    elsewhere = make_url(trial.stage.database.url).set(database="postgres").render_as_string(hide_password=False)
    trial.gate.leave()
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute("ALTER DATABASE modicum ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'modicum'")
        end = time.monotonic() + REFUSED_SECONDS
        _expect_away(trial.stage)
        time.sleep(max(0.0, end - time.monotonic()))  # the fault itself
        connection.execute("ALTER DATABASE modicum ALLOW_CONNECTIONS true")


def _expect_away(stage: Stage) -> None:
    """See that the API lives, says what is away, and answers calls with a code that clients try again after."""
    assert urllib.request.urlopen(f"{stage.http_url}/healthz", timeout=60).status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{stage.http_url}/readyz", timeout=60)
    ready = json.loads(refused.value.read())
    assert (refused.value.code, ready["database"], ready["artifact_store"]) == (503, False, True), ready
    request = audit_service_pb2.ListAuditsRequest(parent=SUBJECT)
    with grpc.insecure_channel(stage.address) as channel:
        audits = audit_service_pb2_grpc.AuditServiceStub(channel)
        with pytest.raises(grpc.RpcError) as failed:
            audits.ListAudits(request, metadata=metadata(), timeout=60)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "not available" in failed.value.details()


def back(trial: Trial) -> None:
    """The API is ready again."""
    eventually(lambda: _ready(trial.stage), "the API to be ready")


def _ready(stage: Stage) -> bool:
    try:
        return urllib.request.urlopen(f"{stage.http_url}/readyz", timeout=60).status == 200
    except urllib.error.HTTPError:
        return False


FAULTS = (
    Fault(
        name="postgres_stopped_and_started",
        where="a worker stores findings",
        injected="Postgres stopped (fast), then started at the same address",
        mechanism=RECONNECT,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=stop_and_start,
        also=back,
        signs=(NOT_WRITTEN, Answered("ListAudits", "UNAVAILABLE")),
        quick=True,
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_killed",
        where="a worker stores findings",
        injected="kill -9 of every process of Postgres, then a start, which recovers it",
        mechanism=RECONNECT,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=kill_and_start,
        also=back,
        signs=(NOT_WRITTEN,),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_stopped_as_the_audit_succeeds",
        where="a worker lets the audit succeed",
        injected="Postgres stopped (fast), then started at the same address",
        mechanism=RECONNECT,
        point=Point.SUCCEED,
        strike=stop_and_start,
        also=back,
        signs=(Line("worker", "shard_put_off", names_audit=True),),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_connections_cut",
        where="a worker stores findings",
        injected="pg_terminate_backend of every connection of API and worker, three times",
        mechanism=RECONNECT,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=cut_connections,
        also=back,
        signs=(NOT_WRITTEN, Line("api", "audit_changes_not_heard")),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="postgres_connections_silent",
        where="a worker stores findings",
        injected="a proxy passes nothing more on the worker's connections, and closes none; new ones work",
        mechanism="an answer that takes longer than 45 s does not come: the question ends with its connection; the "
        "database ends the transaction, which idles",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        submits=False,
        strike=silence_connections,
        signs=(Line("worker", "lease_not_renewed"), Line("worker", "leases_expired")),
        seen_to_fail="with the limit of an answer taken out",
    ),
    Fault(
        name="postgres_refuses_for_30_s",
        where="a worker stores findings",
        injected="Postgres ends every connection and refuses new ones for 30 s, ten leases long",
        mechanism="what was found waits until it can be stored, and after four leases the shard is given up and begun "
        "again; a watch resumes",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=refuse,
        also=back,
        signs=(NOT_WRITTEN, Line("worker", "lease_not_renewed"), Answered("ListAudits", "UNAVAILABLE")),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
)
