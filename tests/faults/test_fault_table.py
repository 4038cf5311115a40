"""Plays every fault of the table on real parts, and then checks every invariant."""

import pytest

from tests.faults import page
from tests.faults.fault import Fault, play
from tests.faults.invariants import check
from tests.faults.table import FAULTS


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_service_survives(fault: Fault, playing, reference, fault_seed, request):
    trial = None
    try:
        played = play(playing, fault, fault_seed, reference)
        check(played)
        trial = played
    finally:
        if request.config.getoption("write_faults_page"):
            page.write(FAULTS, fault, fault_seed, page.seen(trial) if trial else None)
