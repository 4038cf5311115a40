"""Critical temperatures, and searches at a temperature."""

import numpy as np
import pytest
import torch
from modicum_server.model_process.temperatures import HIGHEST, critical_temperature

from tests.model_process.model_process_stage import (
    BRIGHT_TOP_LEFT,
    DARK,
    Corners,
    findings,
    items_of,
    png,
    search_work,
    version_of_program,
)


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("logits", [[9.0, 1.0, 3.0], [0.3, 0.1, 0.2], [-400.0, 20.0, 19.0], [1000.0, -1000.0, 0.0]])
def test_at_the_critical_temperature_the_confidence_is_the_threshold(logits, threshold):
    scores = torch.tensor(logits, dtype=torch.float64)

    temperature = critical_temperature(scores, threshold)

    assert float((scores / temperature).softmax(dim=0).max()) == pytest.approx(threshold, abs=1e-6)


def test_a_tie_never_reaches_a_threshold_above_a_half():
    assert critical_temperature(torch.tensor([1.0, 1.0, 0.0]), 0.9) == pytest.approx(1 / HIGHEST)


def test_a_threshold_below_an_equal_share_is_always_reached():
    assert critical_temperature(torch.tensor([1.0, 0.5, 0.0]), 0.3) == pytest.approx(HIGHEST)


def test_an_image_is_eligible_exactly_where_its_critical_temperature_is_at_least_one(stage):
    half = BRIGHT_TOP_LEFT // 24
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), png(DARK), png(half), b"no picture"])

    found = findings(stage.run(version_of_program(stage, Corners()), search_work(items, critical_temperatures=True)))

    for position in range(3):
        assert found[position].eligible == (found[position].controls.critical_temperature >= 1)
    assert len({found[position].eligible for position in range(3)}) == 2
    assert not found[3].controls.HasField("critical_temperature")


def test_nothing_is_said_of_temperatures_unless_asked(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT)])

    found = findings(stage.run(version_of_program(stage, Corners()), search_work(items)))

    assert not found[0].controls.HasField("critical_temperature")


def test_a_higher_temperature_enlarges_subsets_and_leaves_predictions(stage):
    items = items_of(stage, [png(BRIGHT_TOP_LEFT), png(np.rot90(BRIGHT_TOP_LEFT, 2).copy())])
    version = version_of_program(stage, Corners())

    plain = findings(stage.run(version, search_work(items)))
    warm = findings(stage.run(version, search_work(items, temperature=3.0)))

    for position in range(2):
        assert warm[position].predicted_class == plain[position].predicted_class
        assert warm[position].margin < plain[position].margin
        assert warm[position].subset.size > plain[position].subset.size
        assert warm[position].verified_confidence >= 0.9
