"""Faults of the disk: no room while an upload comes in, while a finding is stored, while a result is written."""

import resource
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from modicum.errors import ResourceExhausted

from tests.faults.calls import Answered, caller, create_request
from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import Part, eventually
from tests.faults.signs import Line
from tests.faults.stage import BESIDE, SUBJECT, Stage
from tests.faults.uploading import MEBIBYTE, drawn, received, require_whole, send

UPLOAD_BYTES = 8 * MEBIBYTE
ROOM_BYTES = 2 * MEBIBYTE
WITHIN_A_SHARD = (1, 5, 9)
NOT_WRITTEN = Line("worker", "findings_not_written")
HANDED_BACK = 'modicum_worker_shard_duration_seconds_count{outcome="handed_back",stage="summarise"}'
#: What Postgres answers when a table cannot grow, from a trigger: no room for it to have is left to a test.
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
    """Let no file of a part grow past this: a write then fails as it does on a disk that is full."""
    _, hard = resource.prlimit(part.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(part.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.prlimit(part.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def full_table(stage: Stage, table: str) -> Iterator[None]:
    """Let Postgres have no room for rows of this table."""
    _execute(stage, FULL.format(table=table))
    try:
        yield
    finally:
        _execute(stage, ROOM.format(table=table))


def _execute(stage: Stage, statements: str) -> None:
    with psycopg.connect(stage.database.url, autocommit=True) as connection:
        connection.execute(statements)


def fill_while_it_takes_an_upload(trial: Trial) -> None:
    """Upload what there is no room for: refused with a reason; then make room, and send the rest."""
    api = trial.stage.api
    room = api.log_bytes + ROOM_BYTES
    with drawn(trial, api.log_bytes + UPLOAD_BYTES) as content:
        with largest_file(api, room), pytest.raises(ResourceExhausted) as refused:
            send(trial.stage, content)
        assert (refused.value.reason, "free some space" in str(refused.value)) == ("DISK_FULL", True), refused.value
        held = received(trial.stage, content)
        assert 0 < held <= room, f"expected what there was room for to be kept, got {held:,} of {room:,} bytes"
        assert send(trial.stage, content) == held
        require_whole(trial.stage, content)


def fill_while_an_audit_is_acknowledged(trial: Trial) -> None:
    """Let Postgres have no room for an audit: its owner is told so; once there is room the same request is taken."""
    with caller(trial.stage) as calling:
        request = create_request(trial)
        with full_table(trial.stage, "audits"), pytest.raises(grpc.RpcError) as refused:
            calling.create(request).result()
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "The database is full" in refused.value.details()
        trial.follow(SUBJECT, calling.create(request).result().name)
    trial.submit_to(BESIDE)


def fill_while_findings_are_stored(trial: Trial) -> None:
    """Let Postgres have no room for findings until a worker has said so."""
    trial.gate.open()  # a table in which somebody writes cannot be changed
    with full_table(trial.stage, "findings"):
        eventually(lambda: NOT_WRITTEN.seen(trial.stage, trial.before, trial.name), "a worker to say what is missing")
        trial.note(f"{trial.stored} findings stored before")


def fill_while_the_result_is_written(trial: Trial) -> None:
    """Let the worker have no room for any file, its log included, until it has put the shard off."""
    worker = trial.holder
    before = _summaries_handed_back(worker)
    with largest_file(worker, 0):
        trial.gate.open()
        eventually(lambda: _summaries_handed_back(worker) > before, "the worker to hand its shard back")


def _summaries_handed_back(worker: Part) -> float:
    """What a worker's metrics say of it."""
    port = worker.lines("worker_started")[-1]["metrics_port"]
    exposition = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in exposition.splitlines() if line.startswith(HANDED_BACK))


FAULTS = (
    Fault(
        name="disk_full_while_an_upload_comes_in",
        where="a part of an upload has arrived, while an audit is worked on",
        injected="no file of the API may grow further (RLIMIT_FSIZE); then there is room again",
        mechanism="what could be written is kept to the byte that was hashed; the upload is refused with DISK_FULL",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=fill_while_it_takes_an_upload,
        signs=(Answered("UploadArtifact", "RESOURCE_EXHAUSTED"),),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="disk_full_while_an_audit_is_acknowledged",
        where="the API inserts the audit's row",
        injected="Postgres has no room for it (53100); then there is room again, and the same request comes again",
        mechanism="nothing is acknowledged before its commit; the answer names what is full",
        submits=False,
        strike=fill_while_an_audit_is_acknowledged,
        signs=(Answered("CreateAudit", "UNAVAILABLE"),),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="disk_full_while_findings_are_stored",
        where="a worker stores findings",
        injected="Postgres has no room for them (53100); then there is room again",
        mechanism="what was found waits in the worker, a bounded buffer, until it can be stored",
        point=Point.FINDING,
        strike=fill_while_findings_are_stored,
        signs=(NOT_WRITTEN,),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="disk_full_while_the_result_is_written",
        where="a worker ends the last shard",
        injected="no file of the worker can be written, its log neither (RLIMIT_FSIZE); then there is room again",
        mechanism="the shard is put off, which counts as no failure of it; a log that cannot be written ends nothing",
        point=Point.LAST_SHARD_END,
        strike=fill_while_the_result_is_written,
        signs=(Line("worker", "shard_put_off", names_audit=True),),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
)
