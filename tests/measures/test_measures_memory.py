"""A summary keeps a few numbers of a finding, never its mask or its trace."""

import tracemalloc
from dataclasses import replace

import numpy as np
from modicum_server.measures.observation_builder import ObservationBuilder

from tests.measures.example_audit import CANVAS, SEARCH, controls, finding, variants

ROWS = 10_000
BYTES_A_ROW = 150


def test_a_builder_keeps_less_than_150_bytes_a_row():
    results = replace(controls(4, black=True), variants=variants().variants)
    builder, one = ObservationBuilder(SEARCH, CANVAS), finding(controls=results)
    builder.add(one)

    tracemalloc.start()
    for _ in range(ROWS):
        builder.add(one)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < ROWS * BYTES_A_ROW


def test_a_fill_that_came_later_did_not_run_before():
    builder = ObservationBuilder(SEARCH, CANVAS)
    plain, controlled = finding(), finding(controls=controls(4, black=True))
    for one in (plain, controlled, replace(plain, position=2)):
        builder.add(one)

    fills = builder.observations().fills

    assert fills
    assert all(np.array_equal(ran, [False, True, False]) for ran, _ in fills.values())


def test_a_variant_that_came_later_did_not_run_before():
    builder = ObservationBuilder(SEARCH, CANVAS)
    for one in (finding(), finding(controls=variants()), finding()):
        builder.add(one)

    scored = builder.observations().variants

    assert set(scored) == {"dilated", "white_on_mean", "black_on_mean", "random"}
    assert all(np.array_equal(one.ran, [False, True, False]) for one in scored.values())
    assert all(np.isnan(one.confidence[[0, 2]]).all() for one in scored.values())
