"""The self-test from digits to outcomes: trains, audits, and compares each verdict with the right one."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modicum_server.measures.measure import Measure, measure_from_json
from modicum_server.measures.number_words import interval_text, points_number, share_text, short_points_text
from modicum_server.measures.shortcut import CONTROL
from modicum_server.selftest.auditing import audit
from modicum_server.selftest.cases import CASES, Case
from modicum_server.selftest.digits import Digits, split
from modicum_server.selftest.training import trained

TEST_IMAGES = 300
PASSES = 150
"""Budget of an image. Marks have a few pixels, and are found with much less."""
COLUMNS = ("case", "expected", "verdict", "accuracy", "eligible", "in the region", "chance", "drop", "seconds")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict of the audit in one case, and its figures."""

    case: str
    expected: str
    verdict: str
    accuracy: Measure
    drop: Measure
    region_share: float | None
    region_chance: float | None
    eligible: int
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the verdict is right."""
        return self.verdict == self.expected


def outcomes(digits: Digits, *, seed: int, cases: Sequence[Case] = CASES) -> Iterator[Outcome]:
    """Yield the outcome of each case as soon as it is known."""
    train, test = split(digits, test_images=TEST_IMAGES, seed=seed)
    for place, case in enumerate(cases):
        yield _outcome(case, train, test, seed=seed, drawn=np.random.default_rng((seed, place)))


def _outcome(case: Case, train: Digits, test: Digits, *, seed: int, drawn: np.random.Generator) -> Outcome:
    begun = time.monotonic()
    taught = case.make(train.at(np.arange(case.train_images)), drawn)
    module = trained(taught, epochs=case.epochs, seed=seed)
    document = audit(module, case.make(test, drawn), seed=seed, passes=PASSES)
    return _read(case, document["models"][0]["searches"][0], time.monotonic() - begun)


def _read(case: Case, searched: Mapping[str, Any], seconds: float) -> Outcome:
    measures = {name: measure_from_json(value) for name, value in searched["measures"].items()}
    verdicts = [reading["outcome"] for reading in searched["readings"] if reading["control"] == CONTROL]
    border, inside = measures["border_share_median"], measures["object_share_median"]
    share, chance = border.value, border.parameters.get("chance")
    if inside.value is not None:
        share, chance = 1 - inside.value, 1 - inside.parameters["chance"]
    return Outcome(
        case=case.name,
        expected=case.expected,
        verdict=verdicts[0] if verdicts else "none",
        accuracy=measures["accuracy"],
        drop=measures["shortcut_accuracy_drop"],
        region_share=share,
        region_chance=chance,
        eligible=searched["counts"]["eligible"],
        seconds=seconds,
    )


def row(outcome: Outcome) -> tuple[str, ...]:
    """Return an outcome as the cells of `COLUMNS`."""
    return (
        outcome.case,
        outcome.expected,
        outcome.verdict if outcome.right else f"{outcome.verdict}, wrong",
        share_text(outcome.accuracy.value or 0.0),
        str(outcome.eligible),
        "none" if outcome.region_share is None else share_text(outcome.region_share),
        "" if outcome.region_chance is None else share_text(outcome.region_chance),
        f"{short_points_text(outcome.drop.value or 0.0)}{interval_text(outcome.drop.interval, points_number)}",
        f"{outcome.seconds:.1f}",
    )
