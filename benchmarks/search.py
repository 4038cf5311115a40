"""Part (a): subset size against passes, for all searches and peers on the same images, in pairs at equal passes."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modicum_sis import BackSelect, BatchedGradient, GradientFree, MaskOptimization

from benchmarks.contenders import GRADIENT, OURS, PAPER, Contender, Outcome, Searched, batched_gradient_for
from benchmarks.intervals import mean, paired_ratio
from benchmarks.peers import peers
from benchmarks.recipe import Recipe
from benchmarks.subjects import Absent, Source, Subject, cifar_resnet, efficientnet_lite, load

EXACT_SHARE = 525
"""A thousandth of the passes of exact backselect on 32x32."""
HALF_OF_PAPER = 750
"""Half the passes of batched_gradient as the paper runs it on 224x224: 502 steps of 3 pass-equivalents."""
RECIPE, BLIND = "priced recipe", "gradient-free"
RENEWABLE = (RECIPE, GRADIENT, BLIND)
"""Methods with a budget, which can be measured again by themselves."""
LARGEST_BACKSELECT_CANVAS = 64 * 64
"""Beyond it even the cheapest backselect costs tens of thousands of passes an image."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One subject and what is run on it.

    Attributes:
        source: makes the subject.
        images: how many images are searched, if there are so many.
        budgets: pass-equivalents per image of mask_optimization.
        gradient: the budgets at which batched_gradient runs too.
        recipe: the budgets at which the priced recipe runs too.
        blind: the budgets at which the search without gradients runs too.
        fractions: settings of backselect.
        paper_step: pixels per step of batched_gradient as in the paper on this canvas; 0: not run.
    """

    source: Callable[[], Source]
    images: int
    budgets: tuple[int, ...]
    gradient: tuple[int, ...] = ()
    recipe: tuple[int, ...] = ()
    blind: tuple[int, ...] = ()
    fractions: tuple[float, ...] = ()
    paper_step: int = 0


def trials(data: Path | None, *, quick: bool) -> list[Trial]:
    """The trials: all of them in about 25 minutes on two free cores, or a quick selection in about three.

    The numbers of images follow from the passes per image and the time of a pass on two cores: 0.6 and 0.9 ms for the
    ResNets, 12, 15 and 18 ms for EfficientNet-Lite. A full run, in the sequence of the list: 24,400 passes on 16 images
    (4 minutes), 4,300 on 10 (1), 6,600 on 8, all that are eligible (11), 1,500 on 10 (4) and 1,500 on 10 (5).
    """
    if quick:
        cifar, photographs = (150, EXACT_SHARE, 600, 2000), (150, 600, HALF_OF_PAPER)
        equal = tuple(budget for budget in cifar if budget != EXACT_SHARE)
        return [
            Trial(lambda: cifar_resnet(20, data), 10, cifar, gradient=equal, recipe=equal, paper_step=1),
            Trial(lambda: efficientnet_lite("lite0"), 2, photographs, gradient=(600,), paper_step=100),
        ]
    cifar, photographs = (50, 150, 300, 600, 1200, 2000), (50, 150, 600, HALF_OF_PAPER, 2000)
    both = sorted((*cifar, EXACT_SHARE))
    few, some = (150, 600), (50, 150, 600, 2000)
    return [
        Trial(lambda: cifar_resnet(20, data), 16, tuple(both), cifar, cifar, (600, 2000), (0.2,), paper_step=1),
        Trial(lambda: cifar_resnet(32, data), 10, some, gradient=(150, 600), recipe=(600,)),
        Trial(lambda: efficientnet_lite("lite0"), 10, photographs, gradient=few, recipe=(600,), paper_step=100),
        Trial(lambda: efficientnet_lite("lite1"), 10, few, gradient=(600,)),
        Trial(lambda: efficientnet_lite("lite2"), 10, few, gradient=(600,)),
    ]


def measure(data: Path | None, *, quick: bool) -> dict[str, Any]:
    """Run all trials. Return this part of the results as JSON values."""
    subjects, absent = [], []
    for trial in trials(data, quick=quick):
        try:
            subjects.append(measured(load(trial.source(), trial.images), trial))
        except Absent as error:
            print(f"absent: {error}", flush=True)
            absent.append(str(error))
    return {"subjects": subjects, "absent": absent}


def renewed(part: dict[str, Any], data: Path | None, method: str, date: str) -> dict[str, Any]:
    """Measure one method anew, beside mask_optimization at the same budgets. Return the part with these rows, dated.

    Raises:
        Changed: mask_optimization no longer finds the stored sizes, so the other rows cannot be kept.
    """
    subjects = {subject["name"]: subject for subject in part["subjects"]}
    for trial in trials(data, quick=part["taken"]["quick"]):
        subject = load(trial.source(), trial.images)
        contenders = list(lineup(subject, trial))
        budgets = {one.budget for one in contenders if one.method == method}
        wanted = [one for one in contenders if one.method in {OURS, method} and one.budget in budgets]
        stored = subjects[subject.source.name]
        fresh = [{**_row(one, subject, "again"), "date": date} for one in wanted]
        subjects[subject.source.name] = with_rows(stored, fresh, subject.digests) if fresh else stored
    return {**part, "subjects": list(subjects.values())}


def with_rows(stored: dict[str, Any], fresh: Sequence[dict[str, Any]], digests: Sequence[str]) -> dict[str, Any]:
    """The stored figures of a subject with some rows replaced or added. Raises Changed."""
    kept = {(row["method"], row["setting"]): row for row in stored["rows"]}
    for row in fresh:
        known = kept.get((row["method"], row["setting"]))
        if row["method"] == OURS and (known is None or known["sizes"] != row["sizes"]):
            raise Changed(f"{stored['name']}: {OURS} at {row['setting']} finds other sizes than the stored ones")
        kept[row["method"], row["setting"]] = known if row["method"] == OURS else row
    if list(digests) != stored["digests"]:
        raise Changed(f"{stored['name']}: the images are not those of the stored figures")
    rows = list(kept.values())
    return {**stored, "rows": rows, "ratios": ratios(rows)}


class Changed(Exception):
    """Stored figures do not go with new ones: measure the whole part."""


def measured(subject: Subject, trial: Trial) -> dict[str, Any]:
    """Run all contenders on one subject."""
    print(f"{subject.source.name}: {len(subject.images)} images of {subject.looked_at} looked at", flush=True)
    contenders = list(lineup(subject, trial))
    rows = [_row(each, subject, f"{place} of {len(contenders)}") for place, each in enumerate(contenders, start=1)]
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
    """The contenders of a trial: up to four searches at each budget, then those that set their own cost."""
    for budget in trial.budgets:
        yield Searched(OURS, f"{budget:,} passes", MaskOptimization(passes=budget), budget)
        if budget in trial.recipe:
            yield Searched(RECIPE, f"{budget:,} passes", Recipe(passes=budget), budget)
        if budget in trial.gradient:
            gradient = batched_gradient_for(budget, subject.pixels)
            yield Searched(GRADIENT, f"k = {gradient.pixels_per_step}", gradient, budget)
        if budget in trial.blind:
            yield Searched(BLIND, f"{budget:,} passes", GradientFree(passes=budget), budget)
    if trial.paper_step:
        step = trial.paper_step
        yield Searched(GRADIENT, f"k = {step}, {PAPER}", BatchedGradient(pixels_per_step=step))
    if subject.pixels <= LARGEST_BACKSELECT_CANVAS:
        for fraction in trial.fractions:
            yield Searched("backselect", f"fraction {fraction:g}", BackSelect(fraction=fraction))
    yield from peers()


def ratios(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sizes over those of mask_optimization on the same images, at the same budget or at the nearest one below."""
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
    """The most expensive row that cost no more than the rival; the cheapest row if all cost more."""
    cheaper = [each for each in ours if each["passes_mean"] <= row["passes_mean"]]
    if cheaper:
        return max(cheaper, key=lambda each: float(each["passes_mean"]))
    return min(ours, key=lambda each: float(each["passes_mean"]))


def _row(contender: Contender, subject: Subject, place: str) -> dict[str, Any]:
    begun = time.perf_counter()
    outcomes = contender.outcomes(subject)
    seconds = time.perf_counter() - begun
    row = _described(contender, outcomes, seconds)
    print(
        f"  {place}: {contender.method}, {contender.setting}: {row['size']['value']:.1f} of {subject.pixels:,} pixels, "
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
