"""The table of faults: the rows of every module, in the order of the page."""

from collections.abc import Sequence

from tests.faults import (
    faults_of_an_upgrade,
    faults_of_cancelling,
    faults_of_early_ends,
    faults_of_postgres,
    faults_of_readers,
    faults_of_requests,
    faults_of_scoring,
    faults_of_the_api,
    faults_of_the_disk,
    faults_of_the_worker,
    faults_of_torchserve,
    faults_of_two_workers,
)
from tests.faults.fault import Fault
from tests.faults.signs import Sign

FAULTS: Sequence[Fault] = (
    *faults_of_the_worker.FAULTS,
    *faults_of_scoring.FAULTS,
    *faults_of_early_ends.FAULTS,
    *faults_of_two_workers.FAULTS,
    *faults_of_torchserve.FAULTS,
    *faults_of_cancelling.FAULTS,
    *faults_of_the_api.FAULTS,
    *faults_of_requests.FAULTS,
    *faults_of_readers.FAULTS,
    *faults_of_postgres.FAULTS,
    *faults_of_the_disk.FAULTS,
    *faults_of_an_upgrade.FAULTS,
)
#: Every sign of every fault.
SIGNS: frozenset[Sign] = frozenset(sign for fault in FAULTS for sign in fault.signs)
