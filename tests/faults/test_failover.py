"""A primary that dies during an audit, and a standby that takes its place."""

import pytest

from tests.faults.fault import Fault, Trial, play
from tests.faults.faults_of_postgres import NOT_WRITTEN, RECONNECT, WITHIN_A_SHARD, back
from tests.faults.gates import Point
from tests.faults.invariants import check
from tests.faults.reference import undisturbed
from tests.faults.replicated import Replicated
from tests.faults.stage import stage
from tests.faults.table import SIGNS


def fail_over(trial: Trial) -> None:
    """Kill the primary during a worker's transaction."""
    assert isinstance(trial.stage.database, Replicated)
    trial.gate.leave()
    trial.stage.database.fail_over()


FAILOVER = Fault(
    name="primary_killed_and_standby_promoted",
    when="A worker is storing findings.",
    injected="The primary is killed (`kill -9`), and its synchronous standby is promoted.",
    mechanism=RECONNECT,
    point=Point.FINDING,
    stored=WITHIN_A_SHARD,
    strike=fail_over,
    also=back,
    signs=(NOT_WRITTEN,),
)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_acknowledged_finding_survives_a_failover(fault_seed):
    with stage(Replicated) as replicated:
        check(play(replicated, FAILOVER, fault_seed, undisturbed(replicated, SIGNS)))
