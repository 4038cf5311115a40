"""docs/paper.md: a pure function of the results. Measures nothing; `directions` says what to say of the paper."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.paper import pictures
from benchmarks.paper.directions import Direction, Outcome, directions
from benchmarks.paper.extent import FULL, KEPT_SHARE, PIXELS_PER_STEP, SOFT_THRESHOLD, THRESHOLD
from benchmarks.paper.extent import QUICK as QUICK_EXTENT
from benchmarks.paper.searches import planned_rows
from benchmarks.paper.sufficiency import KINDS
from benchmarks.paper.words import fraction_text, points_text, ratio_text, share_text
from benchmarks.tables import table

PAGE = Path("docs") / "paper.md"
INTRODUCTION = f"""# The paper's table

Written by `make bench PART=paper` from [paper.json](../benchmarks/results/paper.json) (`python -m benchmarks --part
paper --page-only` writes it anew). What Carter, Jain, Mueller and Gifford report in "Overinterpretation reveals image
classification model pathologies" (NeurIPS 2021), tried again on CIFAR-10 test images, two ResNets and their ensemble
(the mean of their logits), all from the folder that `MODICUM_BENCH_DATA` names.

The paper's **direction** stands beside each result, not its figures: its networks are other ones, trained on more, and
could not be checked. Whether ours agrees is decided by the interval and the rule in the table, not by hand. A threshold
of {THRESHOLD:g}, masked pixels in the mean colour unless a fill is named. Square brackets hold 95% intervals (shares:
Wilson; medians: order statistics; differences and ratios, paired by image: bootstrap); below ten images there is none.

Pixel subsets are the {KEPT_SHARE:.0%} of the pixels (52 of 1,024) that batched_gradient leaves when it argues for the
predicted class, on every image, eligible or not. It removes {PIXELS_PER_STEP} pixels a step here, the paper one: a
sixteenth of the passes, and larger subsets.
"""
STEPS = ("accuracy", "correctness", "mitigation", "sufficiency", "searches")
QUICK = "Run with `QUICK=1`: few images; the figures show only that everything runs.\n"
NOT_YET = "Not measured yet: `make bench PART=paper`."


def write_page(results: Mapping[str, Any], into: Path) -> None:
    """Write the page and its pictures below the folder `into`."""
    pictures.draw_all(results["parts"], into)
    page = into / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(page_text(results), encoding="utf-8")


def page_text(results: Mapping[str, Any]) -> str:
    """The page in Markdown."""
    parts = results["parts"]
    found = list(directions(parts))
    lines = [INTRODUCTION]
    if any(map(_is_quick, parts.values())):
        lines.append(QUICK)
    lines += [*_agreement(found), *_accuracy(parts), *_correctness(parts), *_mitigation(parts)]
    lines += [*_sufficiency(parts), *_searches(parts), *_runs(parts)]
    return "\n".join(lines).rstrip() + "\n"


def _agreement(found: list[Direction]) -> Iterator[str]:
    yield "## Against the paper\n"
    if not found:
        yield NOT_YET
        return
    rows = [(each.statement, each.subject, each.rule, each.measured, each.outcome) for each in found]
    yield from table(("the paper", "here", "rule", "measured", ""), rows)
    counts = {outcome: sum(each.outcome is outcome for each in found) for outcome in Outcome}
    yield (
        f"Of {len(found)} comparisons, {counts[Outcome.SAME]} come out as in the paper, {counts[Outcome.DIFFERENT]} do "
        f"not, and {counts[Outcome.OPEN]} are open: the interval holds the rule's limit, or there is none.\n"
    )
    for each in found:
        if each.outcome is Outcome.DIFFERENT:
            yield f"- **Ours differs**, {each.subject}: {each.instead} ({each.measured})."
    yield ""


def _accuracy(parts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Accuracy on 5% of the pixels\n"
    if (rows := _figures(parts, "accuracy")) is None:
        yield f"{NOT_YET}\n"
        return
    yield from table(
        ("network", "full images", "5% subsets", "random 5%", "subsets less full", "subsets less random"),
        [
            (
                row["name"],
                *(share_text(row[kind]) for kind in ("full", "subsets", "random")),
                *(points_text(row[f"subsets_less_{kind}"]) for kind in ("full", "random")),
            )
            for row in rows
        ],
    )
    yield (
        "A descent argues for the predicted class, right or wrong. Where its last 5% of the pixels keep that class, "
        "they carry the decision, which does not say that they show the object; where they lose it, the descent "
        "failed, which does not say that no 5% would do: the table of all searches tells.\n"
    )
    yield f"![Mean confidence over the share of pixels kept](images/{pictures.CURVES})\n"
    if _figures(parts, "specimens"):
        yield f"![Images beside their subsets](images/{pictures.SUBSETS})\n"


def _correctness(parts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Subset sizes of correct and incorrect predictions\n"
    if (rows := _figures(parts, "correctness")) is None:
        yield f"{NOT_YET}\n"
        return
    yield (
        "Medians of the kept share, eligible images only. batched_gradient's are read off the descents of all of them; "
        "mask_optimization searched the first of each kind, up to a limit. Both were asked at a threshold of "
        f"{SOFT_THRESHOLD:g} as well, which more of the misclassified images reach.\n"
    )
    yield from table(
        ("network", "search", "threshold", "correct", "incorrect"),
        [
            (
                row["network"],
                row["search"],
                f"{row['threshold']:g}",
                fraction_text(row["correct"]),
                fraction_text(row["incorrect"]),
            )
            for row in rows
        ],
    )
    yield f"![Distribution of subset sizes](images/{pictures.SIZES})\n"


def _mitigation(parts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Two networks against their ensemble\n"
    if (figures := _figures(parts, "mitigation")) is None:
        yield f"{NOT_YET}\n"
        return
    yield (
        "The ensemble's subset size over the geometric mean of its members', on images eligible in all three. "
        "Averaging softens logits, and softer logits alone enlarge subsets; with matched temperatures, as many images "
        "are eligible in each member as in the ensemble. The paper does not match them.\n"
    )
    names = [each["network"] for each in figures["ratios"][0]["medians"]]
    yield from table(
        ("search", *(f"median, {name}" for name in names), "ratio"),
        [
            (
                _with_temperatures(row),
                *(fraction_text(each["fraction"]) for each in row["medians"]),
                ratio_text(row["ratio"]),
            )
            for row in figures["ratios"]
        ],
    )
    yield from table(
        ("accuracy on", *names, "ensemble less its members"),
        [
            (
                {"full": "full images", "subsets": "each network's own 5% subsets"}[kind],
                *(share_text(each["accuracy"]) for each in figures["accuracy"][kind]["networks"]),
                points_text(figures["accuracy"][kind]["difference"]),
            )
            for kind in ("full", "subsets")
        ],
    )


def _with_temperatures(row: Mapping[str, Any]) -> str:
    if "temperatures" not in row:
        return str(row["search"])
    return f"{row['search']} ({', '.join(f'{value:.2f}' for value in row['temperatures'])})"


def _sufficiency(parts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Training on 5% of the pixels\n"
    if (figures := _figures(parts, "sufficiency")) is None:
        yield f"{NOT_YET}\n"
        return
    yield (
        f"Fresh {figures['architecture']} networks, {figures['training']:,} training images with their true labels, "
        f"{figures['epochs']} epochs, no augmentation, tested on {figures['test']:,} test images. The subsets of both "
        f"are those of {figures['masks_of']}. So few images make weak networks, and what is compared is these. An "
        "interval holds for images like the tested ones; it does not hold the luck of a seed.\n"
    )
    yield from table(
        ("trained on", "seed", *(f"tested on {kind}" for kind in KINDS)),
        [
            (row["trained_on"], str(row["seed"]), *(share_text(row["tested_on"][kind]) for kind in KINDS))
            for row in figures["rows"]
        ],
    )
    yield (
        "What a network learns from 5% subsets need not be the object: the network that chose the pixels put its own "
        "decision into the choice, and the shape of a mask can be learnt as well.\n"
    )
    yield f"![Training curves](images/{pictures.TRAINING})\n"


def _searches(parts: Mapping[str, Any]) -> Iterator[str]:
    yield "## Subset sizes of all searches\n"
    if (figures := _figures(parts, "searches")) is None:
        yield f"{NOT_YET}\n"
        return
    yield (
        f"{figures['network']}, the first {figures['n']} eligible test images. Two fills: `mean`, the paper's, and "
        "`marginal`, another image of the data set, of which the paper says nothing. R is the share of the images with "
        "a subset of at most 5% of the pixels. Where a search removes pixels from the whole image on, the last column "
        "says on how many images the last 5% keep the prediction, sufficient or not.\n"
    )
    left_out = planned_rows(QUICK_EXTENT if _is_quick(parts["searches"]) else FULL) - len(figures["rows"])
    if left_out:
        yield f"The run was cut off: {left_out} of {left_out + len(figures['rows'])} rows, the slowest, are missing.\n"
    yield from table(
        ("search", "setting", "fill", "passes an image", "median subset", "R", "same class on the last 5%"),
        [
            (
                row["method"],
                row["setting"],
                row["fill"],
                f"{row['passes']:,.0f}",
                fraction_text(row["fraction"]),
                share_text(row["rate"]),
                share_text(row["same_class"]) if row["same_class"] else "",
            )
            for row in figures["rows"]
        ],
    )


def _runs(parts: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "## Runs\n\nA load above the number of cores says that others used the machine at the same time. Descents that "
        "the cache holds take no time.\n"
    )
    yield from table(
        ("step", "date", "extent", "seconds", "machine", "torch threads", "load before", "torch"),
        [(name, *_run(parts[name])) for name in STEPS if name in parts],
    )


def _run(part: Mapping[str, Any]) -> tuple[str, ...]:
    taken, seconds = part["taken"], f"{part['seconds']:,.0f}"
    machine = f"{taken['processor']}, {taken['cores']} cores, passes on {taken['device']}"
    extent = "quick" if taken["quick"] else "full"
    load, threads = f"{taken['load_before']:g}", str(taken["torch_threads"])
    return (taken["date"], extent, seconds, machine, threads, load, taken["versions"]["torch"])


def _is_quick(part: Mapping[str, Any]) -> bool:
    return bool(part["taken"]["quick"])


def _figures(parts: Mapping[str, Any], name: str) -> Any:
    return parts[name]["figures"] if name in parts else None
