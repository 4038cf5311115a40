"""Faults of the disk: no room during an upload, for an audit, for findings, or for the result."""

import resource
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from modicum.errors import ResourceExhausted

from tests.faults.calls import RpcLogged, caller, create_request
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import Part
from tests.faults.signs import Line
from tests.faults.stage import BESIDE, SUBJECT, Stage
from tests.faults.uploading import MEBIBYTE, drawn, received, require_whole, send
from tests.waiting import eventually

UPLOAD_BYTES = 8 * MEBIBYTE
ROOM_BYTES = 2 * MEBIBYTE
WITHIN_A_SHARD = (1, 5, 9)
NOT_WRITTEN = Line("worker", "findings_not_written")
HANDED_BACK = 'modicum_worker_shard_duration_seconds_count{outcome="handed_back",stage="summarise"}'
#: Raises the error of Postgres when a table cannot grow. A trigger raises it, because a test cannot fill the disk.
FULL = """
CREATE FUNCTION faults.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON public.{table} FOR EACH STATEMENT EXECUTE FUNCTION faults.full_disk();
"""
ROOM = "DROP TRIGGER full_disk ON public.{table}; DROP FUNCTION faults.full_disk;"


@contextmanager
def largest_file(part: Part, size_bytes: int) -> Iterator[None]:
    """Let no file of a part grow past this size. Writes then fail as they do on a full disk."""
    _, hard = resource.prlimit(part.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(part.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.prlimit(part.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def full_table(stage: Stage, table: str) -> Iterator[None]:
    """Make Postgres refuse new rows of this table for lack of room."""
    _execute(stage, FULL.format(table=table))
    try:
        yield
    finally:
        _execute(stage, ROOM.format(table=table))


def _execute(stage: Stage, statements: str) -> None:
    with psycopg.connect(stage.database.url, autocommit=True) as connection:
        connection.execute(statements)


def fill_while_it_takes_an_upload(trial: Trial) -> None:
    """Upload more than there is room for, which the API refuses with a reason. Then send the rest."""
    api = trial.stage.api
    room = api.log_bytes + ROOM_BYTES
    with drawn(trial, api.log_bytes + UPLOAD_BYTES) as content:
        with largest_file(api, room), pytest.raises(ResourceExhausted) as refused:
            send(trial.stage, content)
        assert (refused.value.reason, "free some space" in str(refused.value)) == ("DISK_FULL", True), refused.value
        held = received(trial.stage, content)
        assert 0 < held <= room, f"expected the written bytes to be kept, got {held:,} of {room:,} bytes"
        assert send(trial.stage, content) == held
        require_whole(trial.stage, content)


def fill_while_an_audit_is_acknowledged(trial: Trial) -> None:
    """Make Postgres refuse the audit for lack of room, which its owner learns. Then send the same request again."""
    with caller(trial.stage) as calling:
        request = create_request(trial)
        with full_table(trial.stage, "audits"), pytest.raises(grpc.RpcError) as refused:
            calling.create(request).result()
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "the database is full" in refused.value.details()
        trial.follow(SUBJECT, calling.create(request).result().name)
    trial.submit_to(BESIDE)


def fill_while_findings_are_stored(trial: Trial) -> None:
    """Make Postgres refuse findings for lack of room until a worker has logged it."""
    trial.gate.open()  # a table cannot be altered while a transaction writes to it
    with full_table(trial.stage, "findings"):
        eventually(lambda: NOT_WRITTEN.seen(trial.stage, trial.before, trial.name), "a worker to log the missing room")
        trial.note(f"{trial.stored} findings were stored before")


def fill_while_the_result_is_written(trial: Trial) -> None:
    """Allow the worker no file, its log included, until it has put the shard off."""
    worker = trial.holder
    before = _summaries_handed_back(worker)
    with largest_file(worker, 0):
        trial.gate.open()
        eventually(lambda: _summaries_handed_back(worker) > before, "the worker to hand its shard back")


def _summaries_handed_back(worker: Part) -> float:
    """How many summary shards the worker has handed back, by its metrics."""
    port = worker.lines("worker_started")[-1]["metrics_port"]
    exposition = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in exposition.splitlines() if line.startswith(HANDED_BACK))


FAULTS = (
    Fault(
        name="disk_full_while_an_upload_comes_in",
        when="A part of an upload has arrived, while an audit is running.",
        injected="The API's files may not grow (RLIMIT_FSIZE). Then there is room again.",
        mechanism="The upload is refused with DISK_FULL. The bytes that were written are kept.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=fill_while_it_takes_an_upload,
        signs=(RpcLogged("UploadArtifact", "RESOURCE_EXHAUSTED"),),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="disk_full_while_an_audit_is_acknowledged",
        when="The API is inserting the audit's row.",
        injected="Postgres has no room for the row (error 53100). Then there is room again and the client repeats the "
        "request.",
        mechanism="The API acknowledges an audit only after its commit. The error says that the disk is full.",
        submits=False,
        strike=fill_while_an_audit_is_acknowledged,
        signs=(RpcLogged("CreateAudit", "UNAVAILABLE"),),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="disk_full_while_findings_are_stored",
        when="A worker is storing findings.",
        injected="Postgres has no room for them (error 53100). Then there is room again.",
        mechanism="The worker keeps the findings in a bounded buffer until they can be stored.",
        point=Point.FINDING,
        strike=fill_while_findings_are_stored,
        signs=(NOT_WRITTEN,),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="disk_full_while_the_result_is_written",
        when="A worker is ending the last shard.",
        injected="The worker can write no file, including its log (RLIMIT_FSIZE). Then there is room again.",
        mechanism="The shard is put off, which does not count as a failure. An unwritable log stops nothing.",
        point=Point.LAST_SHARD_END,
        strike=fill_while_the_result_is_written,
        signs=(Line("worker", "shard_put_off", names_audit=True),),
        fails_without=WITHOUT_MECHANISM,
    ),
)
