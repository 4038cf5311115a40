"""What a summary keeps of a finding: a few numbers, never its mask or its trace."""

import tracemalloc
from dataclasses import replace

import numpy as np
from example_audit import CANVAS, SEARCH, controls, finding
from modicum_server.measures import finding_row
from modicum_server.measures.observations import Observer

ROWS = 10_000
BYTES_A_ROW = 100


def test_an_observer_keeps_less_than_a_hundred_bytes_a_row():
    observer, row = Observer(SEARCH, CANVAS), finding_row(finding(controls=controls(4, black=True)))
    observer.add(row)

    tracemalloc.start()
    for _ in range(ROWS):
        observer.add(row)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < ROWS * BYTES_A_ROW


def test_a_fill_that_came_later_did_not_run_before():
    observer, plain, controlled = Observer(SEARCH, CANVAS), finding(), finding(controls=controls(4, black=True))
    for one in (plain, controlled, replace(plain, position=2)):
        observer.add(finding_row(one))

    fills = observer.observations().fills

    assert fills
    assert all(np.array_equal(ran, [False, True, False]) for ran, _ in fills.values())
