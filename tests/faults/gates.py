"""Named points where a test can hold a transaction. A transaction that reaches a closed point waits; others pass.

The points are triggers in the tests' database, so that the parts run unchanged, without code for tests. The triggers
also record what happened: who claimed which attempt, who wrote and ended what under which attempt, and how audits
changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import psycopg
from modicum_server.domain.audits import OUT_OF_DISTRIBUTION
from psycopg.rows import dict_row

from tests.waiting import eventually

KEY = 7400
#: A lease that ends later than this from now, by the database's clock, is too long to wait for.
LEASE_TOO_LONG = "60 s"


class Point(StrEnum):
    """Where a transaction can be held. It waits before it does what the name says."""

    CREATE = "create"  # the API is inserting the audit's row
    CHECK = "check"  # a worker is claiming the CHECK shard of a version
    CLAIM = "claim"  # a worker is claiming a SEARCH shard of an audit with at least `stored` findings
    FINDING = "finding"  # a worker is storing findings of an audit with at least `stored` findings
    SHARD_END = "shard_end"  # a worker is ending a SEARCH shard, after its last finding
    LAST_SHARD_END = "last_shard_end"  # a worker is ending the last SEARCH shard of an audit
    SCORE = "score"  # a worker is storing another version's score, of an audit with at least `stored` scored subsets
    PREDICTION = "prediction"  # a worker is storing a prediction, with at least `stored` predictions there
    SUCCEED = "succeed"  # a worker is setting the audit to SUCCEEDED
    NOWHERE = "nowhere"  # no transaction reaches this point


INSTALL = f"""
CREATE SCHEMA faults;
CREATE TABLE faults.gates (point text NOT NULL, project text NOT NULL, stored int NOT NULL);
CREATE TABLE faults.notes (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), what text NOT NULL,
    project text NOT NULL, audit text NOT NULL, detail text NOT NULL, application text NOT NULL,
    shard bigint, attempt int, held boolean, transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE FUNCTION faults.note(what text, project text, audit text, detail text, its public.shards DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO faults.notes (what, project, audit, detail, application, shard, attempt, held)
    VALUES (what, project, audit, detail, current_setting('application_name'),
            its.id, its.attempt, its.lease_until IS NOT NULL)
$$;
CREATE FUNCTION faults.pass(here text, its_project text, its_stored int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM faults.gates
               WHERE point = here AND project = its_project AND stored <= its_stored) THEN
        PERFORM pg_advisory_xact_lock_shared({KEY});
    END IF;
END $$;

CREATE FUNCTION faults.on_finding() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    its public.audits; its_shard public.shards;
BEGIN
    SELECT * INTO its FROM public.audits WHERE id = NEW.audit_id;
    PERFORM faults.pass('finding', its.project, (SELECT count(*)::int FROM public.findings WHERE audit_id = its.id));
    SELECT s.* INTO its_shard FROM public.shards s WHERE s.audit = its.name AND s.stage = 'SEARCH'
        AND s.search_index = NEW.search_index AND s.model_version = its.model_versions[NEW.version_index + 1]
        AND NEW.position = ANY (s.positions);
    PERFORM faults.note('finding', its.project, its.name, NEW.position::text, its_shard);
    RETURN NEW;
END $$;
CREATE TRIGGER faults BEFORE INSERT ON public.findings FOR EACH ROW EXECUTE FUNCTION faults.on_finding();

CREATE FUNCTION faults.on_score() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    its public.audits; its_shard public.shards;
BEGIN
    SELECT * INTO its FROM public.audits WHERE id = NEW.audit_id;
    PERFORM faults.pass('score', its.project, (SELECT count(*)::int FROM public.findings
        WHERE audit_id = its.id AND jsonb_array_length(controls->'transfers') > 0));
    SELECT s.* INTO its_shard FROM public.shards s WHERE s.audit = its.name AND s.stage = 'SCORE'
        AND s.search_index = NEW.search_index AND s.model_version = NEW.controls#>>'{{transfers,-1,model_version}}'
        AND NEW.position = ANY (s.positions);
    PERFORM faults.note('score', its.project, its.name, NEW.version_index || '-' || NEW.position, its_shard);
    RETURN NEW;
END $$;
CREATE TRIGGER faults_score BEFORE UPDATE ON public.findings FOR EACH ROW EXECUTE FUNCTION faults.on_score();

CREATE FUNCTION faults.on_prediction() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    its public.audits; its_shard public.shards;
BEGIN
    SELECT * INTO its FROM public.audits WHERE id = NEW.audit_id;
    PERFORM faults.pass('prediction', its.project,
        (SELECT count(*)::int FROM public.predictions WHERE audit_id = its.id));
    SELECT s.* INTO its_shard FROM public.shards s WHERE s.audit = its.name AND s.stage = 'SCORE'
        AND s.search_index = {OUT_OF_DISTRIBUTION} AND s.model_version = its.model_versions[NEW.version_index + 1]
        AND NEW.position = ANY (s.positions);
    PERFORM faults.note('prediction', its.project, its.name, NEW.version_index || '-' || NEW.position, its_shard);
    RETURN NEW;
END $$;
CREATE TRIGGER faults BEFORE INSERT ON public.predictions FOR EACH ROW EXECUTE FUNCTION faults.on_prediction();

CREATE FUNCTION faults.on_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.lease_until > clock_timestamp() + interval '{LEASE_TOO_LONG}' THEN
        PERFORM faults.note('lease', NEW.project, NEW.audit, NEW.lease_until::text, NEW);
    END IF;
    IF NEW.attempt > OLD.attempt THEN
        IF NEW.stage = 'CHECK' THEN
            PERFORM faults.pass('check', NEW.project, 0);
        ELSIF NEW.stage = 'SEARCH' THEN
            PERFORM faults.pass('claim', NEW.project, (SELECT count(*)::int FROM public.findings f
                JOIN public.audits a ON a.id = f.audit_id WHERE a.name = NEW.audit));
        END IF;
        PERFORM faults.note('claim', NEW.project, NEW.audit, NEW.stage, NEW);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER faults_claim BEFORE UPDATE ON public.shards FOR EACH ROW EXECUTE FUNCTION faults.on_claim();

CREATE FUNCTION faults.on_shard_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.lease_until IS NOT NULL THEN
        PERFORM faults.note('shard_end', OLD.project, OLD.audit, OLD.stage, OLD);
    END IF;
    IF OLD.stage = 'SEARCH' AND OLD.lease_until IS NOT NULL THEN
        PERFORM faults.pass('shard_end', OLD.project, 0);
        IF (SELECT count(*) FROM public.shards WHERE audit = OLD.audit) = 1 THEN
            PERFORM faults.pass('last_shard_end', OLD.project, 0);
        END IF;
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER faults_end BEFORE DELETE ON public.shards FOR EACH ROW EXECUTE FUNCTION faults.on_shard_end();

CREATE FUNCTION faults.on_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM faults.pass('create', NEW.project, 0);
        PERFORM faults.note('state', NEW.project, NEW.name, NEW.state);
        RETURN NEW;
    END IF;
    IF NEW.state <> OLD.state THEN
        IF NEW.state = 'SUCCEEDED' THEN PERFORM faults.pass('succeed', NEW.project, 0); END IF;
        PERFORM faults.note('state', NEW.project, NEW.name, NEW.state);
    END IF;
    IF NEW.sequence < OLD.sequence THEN
        PERFORM faults.note('sequence', NEW.project, NEW.name, OLD.sequence || ' to ' || NEW.sequence);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER faults BEFORE INSERT OR UPDATE ON public.audits FOR EACH ROW EXECUTE FUNCTION faults.on_audit();
"""


def install(database_url: str) -> None:
    """Install the points in a migrated database."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(INSTALL)


class Gate:
    """A closed point of one project's audits. It opens once."""

    def __init__(self, connection: "psycopg.Connection[dict[str, Any]]") -> None:
        self._connection = connection
        self._open = False

    @property
    def reached(self) -> int:
        """How many transactions wait at it."""
        query = "SELECT count(*) AS waiting FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
        row = self._connection.execute(query, [KEY]).fetchone()
        return int(row["waiting"]) if row else 0

    def wait_reached(self) -> str:
        """Wait until a transaction waits at it. Return the application name of its connection."""
        return eventually(self._first, "a transaction to reach the point of the fault")

    def _first(self) -> str:
        query = (
            "SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
        )
        row = self._connection.execute(query, [KEY]).fetchone()
        return str(row["name"]) if row else ""

    def open(self) -> None:
        """Let everything pass. A second call has no effect."""
        if not self._open:
            self._open = True
            self._connection.execute("DELETE FROM faults.gates")
            self._connection.execute("SELECT pg_advisory_unlock(%s)", [KEY])

    def leave(self) -> None:
        """Hold the waiting transactions and stop no others. The database then stops with the gate still closed."""
        self._open = True
        self._connection.execute("DELETE FROM faults.gates")

    def end_waiting(self) -> None:
        """End the connections whose transactions wait, so that none of these can commit."""
        query = (
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
        )
        self._connection.execute(query, [KEY])


@contextmanager
def closed(database_url: str, point: Point, *, project: str, stored: int = 0) -> Iterator[Gate]:
    """Close a point for the block. Some points hold only audits with at least `stored` results."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [KEY])
        connection.execute("INSERT INTO faults.gates VALUES (%s, %s, %s)", [point.value, project, stored])
        gate = Gate(connection)
        try:
            yield gate
        finally:
            if not connection.closed and not connection.broken:
                gate.open()
