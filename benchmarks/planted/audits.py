"""What is true of a planted network, by intervention with the cue itself, and what the spot test says without it."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from modicum_server.measures.spot_rule import (
    FOUND,
    SpotOutcome,
    TestedPlace,
    by_source,
    high_end,
    judge_network,
    judge_rows,
    low_end,
)
from modicum_sis import Classifier, MaskOptimization, find_subsets, has_evidence
from modicum_sis.spots.places import PlaceKind
from modicum_sis.spots.trials import SpotRow, spot_tests

from benchmarks.planted.cases import Case
from benchmarks.planted.networks import Trained, normalised

PASSES = 150
THRESHOLD = 0.9
LEARNT = 0.3
"""A cue counts as learnt where at least this share of other pictures follows it."""


def truth(case: Case, network: Trained) -> dict[str, float]:
    """What the network does with the cue, which the audit never sees.

    `accuracy` is on pictures with cues; `accuracy_without` on the same without any; `followed` is the mean over the
    cue's classes of the share of other pictures, without a cue of their own, that become the class when they get its.
    """
    drawn = np.random.default_rng(10_000 + case.seed)
    followed = []
    for target_class in case.cue.classes:
        others = network.clean[network.labels != target_class]
        marked = np.stack([case.cue.planted(image.numpy(), target_class, drawn) for image in others])
        became = _predicted(network, torch.from_numpy(marked)) == target_class
        before = _predicted(network, others) == target_class
        followed.append(float(became[~before].float().mean()))
    return {
        "accuracy": float((_predicted(network, network.test) == network.labels).float().mean()),
        "accuracy_without": float((_predicted(network, network.clean) == network.labels).float().mean()),
        "followed": float(np.mean(followed)) if followed else 0.0,
    }


def audit(case: Case, network: Trained, images: int) -> dict[str, Any]:
    """Search subsets on so many test pictures, equally many of each class, test spots, and judge."""
    chosen = _balanced(network.labels, images)
    shown = network.test[chosen]
    classifier = Classifier(network.module, (0.0, 1.0), network.mean, network.std)
    begun = time.perf_counter()
    found = list(find_subsets(classifier, shown, threshold=THRESHOLD, search=MaskOptimization(PASSES), seed=case.seed))
    searched = time.perf_counter()
    masks = {one.index: one.subset.mask for one in found if one.subset is not None and has_evidence(one)}
    predicted = _predicted(network, shown).tolist()
    rows = list(spot_tests(classifier, shown, predicted, masks, seed=case.seed))
    tested = time.perf_counter()
    places = [place for number, row in enumerate(rows) for place in _places(row, number)]
    outcomes = judge_rows(places)
    return {
        "images": images,
        "outcome": judge_network(outcomes).value,
        "flagged": [rows[number].target_class for number, outcome in outcomes.items() if outcome in FOUND],
        "rows": [_row_json(rows[number], number, outcome, places) for number, outcome in outcomes.items()],
        "subsets": len(masks),
        "passes": sum(row.passes for row in rows),
        "search_seconds": round(searched - begun, 1),
        "spot_seconds": round(tested - searched, 1),
    }


def is_right(case: Case, flagged: Iterable[int | None]) -> bool:
    """Whether what was flagged is a class with a cue, or all classes together."""
    return any(one is None or one in case.cue.classes for one in flagged)


def _places(row: SpotRow, number: int) -> list[TestedPlace]:
    places = []
    for own in (False, True):
        trials = [trial for trial in row.trials if (trial.place.kind is PlaceKind.OWN) is own]
        if trials:
            pasted, covered = (
                np.concatenate([by_source(one.sources, one.here, one.elsewhere) for one in outcomes])
                for outcomes in ([trial.pasted for trial in trials], [trial.covered for trial in trials])
            )
            places.append(TestedPlace(number, own, pasted, covered))
    return places


def _row_json(row: SpotRow, number: int, outcome: SpotOutcome, places: Iterable[TestedPlace]) -> dict[str, Any]:
    return {
        "class": row.target_class,
        "outcome": outcome.value,
        "places": [
            {
                "own": place.own,
                "n": len(place.pasted),
                "pasted": round(float(place.pasted.mean()), 4),
                "pasted_low": round(low_end(place.pasted, 0.05), 4),
                "pasted_high": round(high_end(place.pasted, 0.05), 4),
                "covered": round(float(place.covered.mean()), 4) if len(place.covered) else None,
            }
            for place in places
            if place.row == number
        ],
    }


def _balanced(labels: torch.Tensor, count: int) -> torch.Tensor:
    """The first pictures of each class, `count` in all."""
    each = count // len(labels.unique())
    return torch.cat([(labels == one).nonzero().flatten()[:each] for one in labels.unique()])


def _predicted(network: Trained, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        parts = [network.module(normalised(part, network.mean, network.std)).argmax(1) for part in images.split(500)]
    return torch.cat(parts)
