"""A fleet on a Ray cluster of several raylets: what dies there costs time, and no finding.

`make cluster-test` runs it, with nothing beside it: Ray gives up a node that does not start within 15 seconds.
"""

import os
import time
from collections.abc import Iterator

import pytest
from modicum import AuditState

from tests.faults.fault import submitted
from tests.faults.gates import Point, closed
from tests.faults.stage import ITEMS, SUBJECT, Stage, pid_of, stage
from tests.fleet.fleet_stage import PASSWORD, fleet
from tests.fleet.ray_cluster import ray_cluster
from tests.living import lives
from tests.waiting import eventually

ALONE = pytest.mark.skipif("MODICUM_TEST_CLUSTER" not in os.environ, reason="run by make cluster-test, by itself")
pytestmark = [pytest.mark.long, pytest.mark.timeout(900), ALONE]

#: The default of workers: the stage's own is shorter.
LEASE = {"MODICUM_LEASE_SECONDS": "15", "MODICUM_RENEW_SECONDS": "5"}
TAKEN_AGAIN_SECONDS = 30.0
HELD = "SELECT id, worker, attempt FROM shards WHERE audit = %s AND lease_until IS NOT NULL ORDER BY id"
CLAIMED_AGAIN = """
    SELECT extract(epoch FROM at)::float8 AS seconds FROM faults.notes
    WHERE what = 'claim' AND shard = %s AND attempt > %s ORDER BY id LIMIT 1
"""


@pytest.fixture(scope="module")
def service() -> Iterator[Stage]:
    """Database and API, with a model and pictures, and no worker."""
    with stage(**LEASE) as opened:
        opened.worker.close()
        opened.parts.remove(opened.worker)
        yield opened


def expect_every_finding_once(service: Stage, audit: str) -> None:
    found = service.client().audits.get(audit)
    eventually(lambda: found.refresh().state.terminal, f"the end of {audit}", pause_seconds=0.2)
    assert found.refresh().state is AuditState.SUCCEEDED, found.snapshot
    query = "SELECT position FROM findings JOIN audits ON audits.id = audit_id WHERE name = %s ORDER BY position"
    assert [row["position"] for row in service.sql(query, audit)] == list(range(ITEMS[SUBJECT]))


def test_a_raylet_killed_in_the_midst_costs_no_finding_and_its_shard_is_soon_taken_again(service):
    with ray_cluster(nodes=2) as cluster, fleet(service, cluster, "--min", "2", "--max", "2") as ours:
        ours.wait_running(2)
        with closed(service.database.url, Point.FINDING, project=SUBJECT, stored=1) as gate:
            audit = submitted(service, SUBJECT).name
            eventually(lambda: gate.reached, "a worker to store a finding")
            lost = service.sql(HELD, audit)[0]
            holder = pid_of(lost["worker"])
            raylet = cluster.raylet_above(holder)
            killed = time.time()
            raylet.kill()
            eventually(lambda: not lives(holder), "the worker to end with its machine")
            gate.open()

        expect_every_finding_once(service, audit)
        (again,) = service.sql(CLAIMED_AGAIN, lost["id"], lost["attempt"])
        assert again["seconds"] - killed < TAKEN_AGAIN_SECONDS
        cluster.add_node()
        ours.wait_running(2)


def test_workers_come_with_the_work_and_go_after_it_and_ray_never_sees_the_address_of_the_database(service):
    with ray_cluster(nodes=1) as cluster, fleet(service, cluster, "--max", "2", "--cooldown", "0m") as ours:
        audit = submitted(service, SUBJECT).name
        ours.wait_running(1)
        seen = cluster.command_lines
        expect_every_finding_once(service, audit)
        ours.wait_running(0)

        eventually(lambda: not any(map(lives, ours.worker_pids)), "the workers to go")
        assert any("WorkerActor" in line for line in seen)
        assert [line for line in seen if PASSWORD in line] == []
        assert cluster.holds(PASSWORD) == []
        assert PASSWORD not in ours.log.read_text()


def test_a_fleet_that_is_stopped_hands_back_what_its_workers_hold(service):
    with ray_cluster(nodes=1) as cluster:
        with fleet(service, cluster, "--max", "1") as ours:
            audit = submitted(service, SUBJECT).name
            eventually(lambda: service.sql(HELD, audit), "a worker to hold a shard")
            code = ours.end()
            assert code == 0
            assert service.sql(HELD, audit) == []

        with fleet(service, cluster, "--max", "1"):
            expect_every_finding_once(service, audit)


def test_a_head_that_is_killed_and_started_again_loses_nothing(service):
    with ray_cluster(nodes=1) as cluster, fleet(service, cluster, "--max", "1") as ours:
        with closed(service.database.url, Point.FINDING, project=SUBJECT, stored=1) as gate:
            audit = submitted(service, SUBJECT).name
            eventually(lambda: gate.reached, "a worker to store a finding")
            cluster.kill_head()
            cluster.start_head()
            gate.open()
        cluster.add_node()
        expect_every_finding_once(service, audit)

        begun = len(ours.worker_pids)
        eventually(lambda: len(ours.worker_pids) > begun or ours.running, f"the fleet to go on; {ours.log}")
        expect_every_finding_once(service, submitted(service, SUBJECT).name)
