"""What the page says to do next about the check of an ensemble."""

import pytest
from modicum_server.measures.measure import Measure
from modicum_server.reports.ensemble_steps import LABEL, LOW, MATCH, READ, next_step

from tests.measures.ensemble_audit import measure

LIMITS = {"images": 30, "ratio": 1.1, "accuracy_difference": -0.02}
LOW_STEP = LOW.format(least=30, there=28, limit=1.1)


def check(ratio: Measure, *, labelled: bool = True, temperatures: bool = True) -> dict:
    accuracy = measure(-0.05, 0.05, n=40, value=0.0 if labelled else None)
    return {
        "verdict": "INCONCLUSIVE",
        "limits": LIMITS,
        "temperatures": {"one": 1.5} if temperatures else {},
        "measures": {"subset_fraction_ratio": ratio.as_json(), "accuracy_difference": accuracy.as_json()},
    }


@pytest.mark.parametrize(
    ("asked", "step"),
    [
        (check(measure(0.83, 1.03, n=28)), LOW_STEP),
        (check(measure(0.83, 1.03, n=28), temperatures=False), LOW_STEP),
        (check(measure(0.83, 1.03, n=28), labelled=False), f"{LABEL} {LOW_STEP}"),
        (check(measure(0.83, 1.03, n=40), labelled=False), LABEL),
        (check(measure(0.83, 1.1, n=28)), "Audit about 189 images; this audit could compare 28."),
        (check(measure(1.2, 1.4, n=28)), "Audit about 189 images; this audit could compare 28."),
        (check(measure(1.05, 1.4, n=200), temperatures=False), MATCH),
        (check(measure(1.05, 1.4, n=200)), READ),
    ],
    ids=[
        "low",
        "low, not matched",
        "low, no labels",
        "low, only labels missing",
        "at the limit",
        "high",
        "not matched",
        "no step",
    ],
)
def test_the_step_is_what_would_settle_the_check(asked, step):
    assert next_step(asked) == step


def test_a_low_ratio_asks_for_the_images_that_not_mitigated_takes():
    said = next_step(check(measure(0.83, 1.03, n=28)))

    assert "so that 30 can be compared; this audit could compare 28" in said
    assert "lies below 1.1: if it stays there, this ensemble does not mitigate overinterpretation." in said
