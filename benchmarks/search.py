"""Part (a): subset size against passes, all searches and the peers on the same images, at equal passes in pairs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modicum_sis import BackSelect, BatchedGradient, MaskOptimization

from benchmarks.contenders import Contender, Outcome, Searched, batched_gradient_for
from benchmarks.intervals import mean, paired_ratio
from benchmarks.peers import peers
from benchmarks.recipe import Recipe
from benchmarks.subjects import Absent, Source, Subject, cifar_resnet, efficientnet_lite, load

OURS = "mask_optimization"
LARGEST_BACKSELECT_CANVAS = 64 * 64
"""Beyond it even the cheapest backselect costs tens of thousands of passes an image."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One subject and what is run on it."""

    source: Callable[[], Source]
    images: int
    budgets: tuple[int, ...]
    fractions: tuple[float, ...] = ()
    exact_steps: bool = False
    """Whether batched_gradient also runs as the paper does on this canvas."""


def trials(data: Path | None, *, quick: bool) -> list[Trial]:
    """What is run: all of it, or enough of it for about three minutes on two cores."""
    if quick:
        return [
            Trial(lambda: cifar_resnet(20, data), 10, (150, 600, 1700), fractions=(0.2,), exact_steps=True),
            Trial(lambda: efficientnet_lite("lite0"), 4, (150, 600)),
        ]
    budgets = (50, 150, 300, 600, 1700)
    return [
        Trial(lambda: cifar_resnet(20, data), 24, budgets, fractions=(0.2, 0.1), exact_steps=True),
        Trial(lambda: cifar_resnet(32, data), 12, budgets, fractions=(0.2,), exact_steps=True),
        Trial(lambda: efficientnet_lite("lite0"), 8, (50, 150, 600, 1500)),
    ]


def measure(data: Path | None, *, quick: bool) -> dict[str, Any]:
    """Run all trials; the part of the results as JSON values."""
    subjects, absent = [], []
    for trial in trials(data, quick=quick):
        try:
            subjects.append(measured(load(trial.source(), trial.images), trial))
        except Absent as error:
            print(f"absent: {error}", flush=True)
            absent.append(str(error))
    return {"subjects": subjects, "absent": absent}


def measured(subject: Subject, trial: Trial) -> dict[str, Any]:
    """All contenders on one subject."""
    print(f"{subject.source.name}: {len(subject.images)} images of {subject.looked_at} looked at", flush=True)
    rows = [_row(contender, subject) for contender in lineup(subject, trial)]
    return {
        "name": subject.source.name,
        "pictures": subject.source.pictures,
        "threshold": subject.source.threshold,
        "pixels": subject.pixels,
        "n": len(subject.images),
        "looked_at": subject.looked_at,
        "digests": subject.digests,
        "rows": rows,
        "ratios": ratios(rows),
    }


def lineup(subject: Subject, trial: Trial) -> Iterator[Contender]:
    """The contenders of a trial: three searches at each budget, then those whose cost is their own."""
    for budget in trial.budgets:
        yield Searched(OURS, f"{budget:,} passes", MaskOptimization(passes=budget), budget)
        yield Searched("priced recipe", f"{budget:,} passes", Recipe(passes=budget), budget)
        gradient = batched_gradient_for(budget, subject.pixels)
        yield Searched("batched_gradient", f"k = {gradient.pixels_per_step}", gradient, budget)
    if trial.exact_steps:
        yield Searched("batched_gradient", "k = 1, as the paper", BatchedGradient(pixels_per_step=1))
    if subject.pixels <= LARGEST_BACKSELECT_CANVAS:
        for fraction in trial.fractions:
            yield Searched("backselect", f"fraction {fraction:g}", BackSelect(fraction=fraction))
    yield from peers()


def ratios(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sizes over those of mask_optimization on the same images: at the same budget, else at the nearest below."""
    ours = [row for row in rows if row["method"] == OURS]
    found = []
    for row in rows:
        if row["method"] == OURS or not ours:
            continue
        rival = next((each for each in ours if each["budget"] == row["budget"]), None) or _nearest(ours, row)
        found.append(
            {
                "method": row["method"],
                "setting": row["setting"],
                "equal_passes": row["budget"] is not None,
                "passes": row["passes_mean"],
                "ours_passes": rival["passes_mean"],
                "ratio": asdict(paired_ratio(row["sizes"], rival["sizes"])),
            }
        )
    return found


def _nearest(ours: Sequence[dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
    """The largest that spent no more than the rival; the cheapest of all where each spent more."""
    cheaper = [each for each in ours if each["passes_mean"] <= row["passes_mean"]]
    if cheaper:
        return max(cheaper, key=lambda each: float(each["passes_mean"]))
    return min(ours, key=lambda each: float(each["passes_mean"]))


def _row(contender: Contender, subject: Subject) -> dict[str, Any]:
    begun = time.perf_counter()
    outcomes = contender.outcomes(subject)
    seconds = time.perf_counter() - begun
    row = _described(contender, outcomes, seconds)
    print(
        f"  {contender.method}, {contender.setting}: {row['size']['value']:.1f} of {subject.pixels:,} pixels, "
        f"{row['passes_mean']:,.0f} passes an image, {seconds:.1f} s",
        flush=True,
    )
    return row


def _described(contender: Contender, outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    sizes = [outcome.size for outcome in outcomes]
    return {
        "method": contender.method,
        "setting": contender.setting,
        "budget": contender.budget,
        "sizes": sizes,
        "passes": [outcome.passes for outcome in outcomes],
        "passes_mean": sum(outcome.passes for outcome in outcomes) / len(outcomes),
        "size": asdict(mean(sizes)),
        "seconds": round(seconds, 2),
    }
