"""What is true of a planted network, by intervention with the cue itself, and what the spot test says without it."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from modicum.gate.spot_rule import (
    FOUND,
    SpotOutcome,
    TestedPlace,
    by_source,
    judge_network,
    judge_rows,
    pairs_by_source,
)
from modicum_sis import Classifier, GradientFree, MaskOptimization, find_subsets, has_evidence
from modicum_sis.spots.places import PlaceKind
from modicum_sis.spots.trials import SpotRow, spot_tests
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.planted.cases import Case
from benchmarks.planted.networks import Trained, balanced, normalised

THRESHOLD = 0.9
BATCH = 50
CHOICE = "patterns"
"""How an audit chooses places today. Each kept audit says how its own were chosen, as `choice`:

- "patterns": windows are moved and resized, stripes count for what they hold, and patterns are tried;
- "refined": the same without patterns;
- no `choice`: the oldest audits, without any of these."""
BudgetedSearch = MaskOptimization | GradientFree
LEARNT = 0.3
"""A cue counts as learnt where at least this share of other pictures follows it."""


def truth(case: Case, network: Trained) -> dict[str, Any]:
    """What the network does with the cue, which the audit never sees.

    `accuracy` is on pictures with cues; `accuracy_without` on the same without any; `followed` is, for each class with
    a cue, the share of other pictures, without a cue of their own, that become the class when they get its cue.
    """
    drawn = np.random.default_rng(10_000 + case.seed)
    return {
        "accuracy": float((_predicted(network, network.test) == network.labels).float().mean()),
        "accuracy_without": float((_predicted(network, network.clean) == network.labels).float().mean()),
        "followed": {str(one): round(_followed(case, network, one, drawn), 4) for one in case.cue.classes},
    }


def _followed(case: Case, network: Trained, target_class: int, drawn: np.random.Generator) -> float:
    others = network.clean[network.labels != target_class]
    marked = np.stack([case.cue.planted(image.numpy(), target_class, drawn) for image in others])
    became = _predicted(network, torch.from_numpy(marked)) == target_class
    before = _predicted(network, others) == target_class
    return float(became[~before].float().mean()) if not bool(before.all()) else 0.0


def audit(case: Case, network: Trained, images: int, passes: int) -> dict[str, Any]:
    """Search subsets on so many test pictures, equally many of each class, test spots, and judge.

    Where a class has too few pictures there are fewer: `shown` says how many.
    """
    chosen = balanced(network.labels, images)
    return {**spot_audit(case, network, chosen, MaskOptimization(passes)), "images": images}


def spot_audit(case: Case, network: Trained, chosen: Tensor, search: BudgetedSearch | None) -> dict[str, Any]:
    """Search subsets on the chosen test pictures, unless there is no search; test spots; judge.

    Each place keeps how often its differences have each value, and the least number of pairs of a source, so that
    other limits can be judged from the row; and the same for each half, so that halves can be judged by themselves.
    """
    shown = network.test[chosen]
    classifier = Classifier(network.module, (0.0, 1.0), network.mean, network.std)
    begun = time.perf_counter()
    masks = dict(_subsets(classifier, shown, search, case.seed)) if search else {}
    searched = time.perf_counter()
    predicted = _predicted(network, shown).tolist()
    rows = list(spot_tests(classifier, shown, predicted, masks, seed=case.seed))
    tested = time.perf_counter()
    places = [place for number, row in enumerate(rows) for place in tested_places(row, number)]
    outcomes = judge_rows(places)
    return {
        "images": len(chosen),
        "shown": len(chosen),
        "search_passes": search.passes if search else 0,
        "choice": CHOICE,
        "outcome": judge_network(outcomes).value,
        "flagged": [rows[number].target_class for number, outcome in outcomes.items() if outcome in FOUND],
        "rows": [_row_json(rows[number], number, outcome, places) for number, outcome in outcomes.items()],
        "subsets": len(masks),
        "spot_passes": sum(row.passes for row in rows),
        "search_seconds": round(searched - begun, 1),
        "spot_seconds": round(tested - searched, 1),
    }


def is_current(audit: Mapping[str, Any]) -> bool:
    """Whether the places of a kept audit were chosen as they are now."""
    return audit.get("choice") == CHOICE


def is_refined(audit: Mapping[str, Any]) -> bool:
    """Whether the windows of a kept audit were moved and resized; patterns may have been tried or not."""
    return "choice" in audit


def tested_spots(case: Case, network: Trained, chosen: Tensor, passes: int) -> list[SpotRow]:
    """Search subsets on the chosen test pictures, and test spots."""
    shown = network.test[chosen]
    classifier = Classifier(network.module, (0.0, 1.0), network.mean, network.std)
    masks = dict(_subsets(classifier, shown, MaskOptimization(passes), case.seed))
    return list(spot_tests(classifier, shown, _predicted(network, shown).tolist(), masks, seed=case.seed))


def _subsets(classifier: Classifier, images: Tensor, search: BudgetedSearch, seed: int) -> Iterator[tuple[int, Tensor]]:
    for one in find_subsets(classifier, images, threshold=THRESHOLD, search=search, seed=seed):
        if one.subset is not None and has_evidence(one):
            yield one.index, one.subset.mask


def tested_places(row: SpotRow, number: int) -> list[TestedPlace]:
    """The fixed place of a row and its own window, each with the differences of both halves."""
    places = []
    for own in (False, True):
        trials = [trial for trial in row.trials if (trial.place.kind is PlaceKind.OWN) is own]
        if trials:
            pasted, covered = (
                np.concatenate([by_source(one.sources, one.here, one.elsewhere) for one in outcomes])
                for outcomes in ([trial.pasted for trial in trials], [trial.covered for trial in trials])
            )
            pairs = np.concatenate([pairs_by_source(trial.pasted.sources) for trial in trials])
            places.append(TestedPlace(number, own, pasted, covered, pairs))
    return places


def _row_json(row: SpotRow, number: int, outcome: SpotOutcome, places: Iterable[TestedPlace]) -> dict[str, Any]:
    return {
        "class": row.target_class,
        "outcome": outcome.value,
        "places": [
            {
                "own": place.own,
                "pasted": counted(place.pasted),
                "covered": counted(place.covered),
                "pairs": int(place.pairs.min()) if len(place.pairs) else 0,
                "halves": halves_of(row, own=place.own),
            }
            for place in places
            if place.row == number
        ],
    }


def halves_of(row: SpotRow, *, own: bool) -> list[dict[str, Any]]:
    """What each half tested: the kind of the place, where it lies, and how often its differences have each value."""
    return [
        {
            "half": trial.half,
            "kind": trial.place.kind.value,
            "at": [trial.place.height, trial.place.width, trial.place.top, trial.place.left],
            "pasted": counted(by_source(trial.pasted.sources, trial.pasted.here, trial.pasted.elsewhere)),
        }
        for trial in row.trials
        if (trial.place.kind is PlaceKind.OWN) is own
    ]


def counted(values: NDArray[np.float64]) -> list[tuple[float, int]]:
    """How often each value occurs, by value."""
    found, counts = np.unique(values.round(4), return_counts=True)
    return list(zip(found.tolist(), counts.tolist(), strict=True))


def uncounted(values: Iterable[tuple[float, int]]) -> NDArray[np.float64]:
    """The values that were counted, rising."""
    return np.array([value for value, count in values for _ in range(count)], dtype=np.float64)


def _predicted(network: Trained, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        parts = [network.module(normalised(part, network.mean, network.std)).argmax(1) for part in images.split(BATCH)]
    return torch.cat(parts)
