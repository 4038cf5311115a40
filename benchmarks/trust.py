"""How often the shortcut rule's verdict is right: the planted and the clean case of the self-test, over many seeds.

A seed draws the digits, the classifier's initial weights and the search. The self-test defines what is right.
"""

from dataclasses import asdict
from typing import Any

from modicum_server.measures.intervals import wilson
from modicum_server.selftest.cases import CORNER, UNMARKED
from modicum_server.selftest.digits import Digits, load_digits
from modicum_server.selftest.running import PASSES, TEST_IMAGES, Outcome, outcomes

SEEDS, QUICK_SEEDS = 20, 3
CASES = (CORNER, UNMARKED)


def measure(*, quick: bool) -> dict[str, Any]:
    """Train and audit both cases for each seed."""
    seeds = QUICK_SEEDS if quick else SEEDS
    digits = load_digits()
    runs = [run for seed in range(seeds) for run in _seed(digits, seed)]
    return {
        "seeds": seeds,
        "test_images": TEST_IMAGES,
        "passes": PASSES,
        "cases": {case.name: summary([run for run in runs if run["case"] == case.name]) for case in CASES},
        "runs": runs,
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Count the verdicts of one case. The share of right ones has a Wilson interval, from ten verdicts on."""
    verdicts = [run["verdict"] for run in runs]
    expected = runs[0]["expected"]
    right = verdicts.count(expected)
    interval = wilson(right, len(runs))
    return {
        "expected": expected,
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        "right": right,
        "n": len(runs),
        "interval": None if interval is None else asdict(interval),
    }


def _seed(digits: Digits, seed: int) -> list[dict[str, Any]]:
    found = [figures(outcome, seed) for outcome in outcomes(digits, seed=seed, cases=CASES)]
    print(f"seed {seed}: {', '.join(run['verdict'] for run in found)}", flush=True)
    return found


def figures(outcome: Outcome, seed: int) -> dict[str, Any]:
    """What is kept of an outcome."""
    drop = outcome.drop.interval
    return {
        "seed": seed,
        "case": outcome.case,
        "expected": outcome.expected,
        "verdict": outcome.verdict,
        "accuracy": outcome.accuracy.value,
        "eligible": outcome.eligible,
        "region_share": outcome.region_share,
        "region_chance": outcome.region_chance,
        "drop": outcome.drop.value,
        "drop_low": None if drop is None else drop.low,
        "drop_high": None if drop is None else drop.high,
        "seconds": round(outcome.seconds, 1),
    }
