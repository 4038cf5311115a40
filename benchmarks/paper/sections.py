"""The page's five sections, one per step: tables, pictures and explanations. It measures nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.paper import pictures
from benchmarks.paper.choices import planned
from benchmarks.paper.directions import NEARLY, Outcome, above
from benchmarks.paper.extent import FULL, SOFT_THRESHOLD
from benchmarks.paper.extent import QUICK as QUICK_EXTENT
from benchmarks.paper.searches import planned_rows
from benchmarks.paper.sufficiency import KINDS
from benchmarks.paper.words import fraction_text, points_text, ratio_text, share_text
from benchmarks.tables import table

NOT_YET = "Not measured yet: `make bench PART=paper`.\n"
NETWORKS = 2
ACCURACY_ROWS = 6
"""Two networks and their ensemble, of as many pixels a step as the paper and of more."""
DIGEST_SHOWN = 16
"""Characters of a digest that stand on the page; the results hold all."""


def all_sections(parts: Mapping[str, Any]) -> Iterator[str]:
    """Every section. A section of an unmeasured step says so."""
    sections = (
        ("Accuracy on 5% of the pixels", "choices", _choices),
        ("Accuracy on 5% of the pixels, by descents", "accuracy", _accuracy),
        ("Subset sizes of correct and incorrect predictions", "correctness", _correctness),
        ("Two networks against their ensemble", "mitigation", _mitigation),
        ("Training on 5% of the pixels", "chosen_sufficiency", _sufficiency),
        ("Training on 5% of the pixels, by descents", "sufficiency", _descent_sufficiency),
        ("Subset sizes of all searches", "searches", _searches),
    )
    for title, step, lines in sections:
        yield f"## {title}\n"
        if step in parts:
            yield from lines(parts[step]["figures"], parts)
        else:
            yield NOT_YET


def is_quick(part: Mapping[str, Any]) -> bool:
    """Whether a step was run with few images."""
    return bool(part["taken"]["quick"])


def _cut_off(planned: int, there: int) -> Iterator[str]:
    if there < planned:
        yield f"The run was cut off. {planned - there} of {planned} rows are missing, the slowest ones.\n"


def _choices(rows: Any, parts: Mapping[str, Any]) -> Iterator[str]:
    extent = QUICK_EXTENT if is_quick(parts["choices"]) else FULL
    yield from _cut_off(len(list(planned(extent))) * NETWORKS, len(rows))
    yield (
        "mask_optimization searches for the 52 pixels on which the model is most confident of the predicted class; "
        "each row says with how many passes. The rows of a network use the same images; a row with fewer images uses "
        "the first of them. The last column is the mean confidence in the predicted class on the chosen pixels.\n"
    )
    yield from table(
        (
            "network",
            "search",
            "passes an image",
            "full images",
            "5% subsets",
            "random 5%",
            "subsets minus full",
            "same class",
            "confidence",
        ),
        [
            (
                row["name"],
                row["search"],
                f"{row['passes']:,.0f}",
                *(share_text(row[kind]) for kind in ("full", "subsets", "random")),
                points_text(row["subsets_less_full"]),
                share_text(row["same_class"]),
                share_text(row["confidence"]),
            )
            for row in rows
        ],
    )
    yield from _cause(rows)


def _cause(rows: Any) -> Iterator[str]:
    """Where a weak search loses accuracy and a strong one keeps it on the same images, the search is the cause."""
    weak = {row["name"]: row for row in rows if row["search"].startswith("batched_gradient")}
    outcomes = {name: above(row["subsets_less_full"], -NEARLY) for name, row in weak.items()}
    same_images = [row for row in rows if row["name"] in weak and row["n"] == weak[row["name"]]["n"]]
    optimised = {row["name"]: row for row in same_images if row is not weak[row["name"]]}
    strong = {name: optimised[name] for name in weak if name in optimised}
    kept = {name: above(row["subsets_less_full"], -NEARLY) for name, row in strong.items()}
    if not weak or set(outcomes.values()) != {Outcome.DIFFERENT} or set(kept.values()) != {Outcome.SAME}:
        return
    yield (
        "**Why descents differ from the paper.** On the same images, accuracy on 5% subsets is "
        f"{_accuracies(weak)} by batched_gradient, and {_accuracies(strong)} by mask_optimization. So the weak search "
        "is the cause, and not the networks. Their depth matters only to the weak search. The paper uses exact "
        "backward selection on CIFAR-10.\n"
    )


def _accuracies(rows: Mapping[str, Any]) -> str:
    return " and ".join(f"{row['subsets']['value']:.0%} ({name})" for name, row in rows.items())


def _accuracy(rows: Any, parts: Mapping[str, Any]) -> Iterator[str]:
    yield from _cut_off(ACCURACY_ROWS, len(rows))
    yield from table(
        ("network", "k", "full images", "5% subsets", "random 5%", "subsets minus full", "subsets minus random"),
        [
            (
                row["name"],
                str(row["pixels_per_step"]),
                *(share_text(row[kind]) for kind in ("full", "subsets", "random")),
                *(points_text(row[f"subsets_less_{kind}"]) for kind in ("full", "random")),
            )
            for row in rows
        ],
    )
    yield (
        "A descent argues for the predicted class, right or wrong. If its last 5% of the pixels keep that class, they "
        "carry the decision. That does not mean that they show the object. If they lose the class, the descent failed. "
        "That does not mean that no 5% would suffice: see the table above.\n"
    )
    yield f"![Mean confidence over the share of pixels kept](../images/{pictures.CURVES})\n"
    if "specimens" in parts:
        yield f"![Images beside their subsets](../images/{pictures.SUBSETS})\n"


def _correctness(rows: Any, _: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "The table shows medians of the kept share over the eligible test images of the table above. "
        "batched_gradient's subsets are read off the descents of all of them. mask_optimization searched all images "
        "that are predicted incorrectly, and the first of the others up to a limit. Both also used a threshold of "
        f"{SOFT_THRESHOLD:g}, which more of the misclassified images reach.\n"
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
    yield f"![Distribution of subset sizes](../images/{pictures.SIZES})\n"


def _mitigation(figures: Any, _: Mapping[str, Any]) -> Iterator[str]:
    rows, names = figures["ratios"], [each["network"] for each in figures["ratios"][0]["medians"]]
    yield (
        "The ratio is the ensemble's subset size over the geometric mean of its members', on images eligible in all "
        "three. A network's confidence also changes its sizes at a fixed threshold. So the members were searched again "
        f"at temperatures at which as many of {figures['n']:,} test images are eligible in each as in the ensemble: "
        f"{_temperatures(rows[-1])}. The paper does not match temperatures.\n"
    )
    yield from table(
        ("search", *(f"median, {name}" for name in names), "ratio", "R, ensemble minus members"),
        [
            (
                row["search"],
                *(fraction_text(each["fraction"]) for each in row["medians"]),
                ratio_text(row["ratio"]),
                points_text(row["rate_difference"]),
            )
            for row in rows
        ],
    )
    yield f"The interval of the difference in R is computed by this method: {_method(rows[1]['rate_difference'])}.\n"
    yield from _verdicts(rows)
    yield from table(
        ("accuracy on", *names, "ensemble minus members"),
        [
            (
                {"full": "full images", "subsets": "each network's own 5% subsets"}[kind],
                *(share_text(each["accuracy"]) for each in figures["accuracy"][kind]["networks"]),
                points_text(figures["accuracy"][kind]["difference"]),
            )
            for kind in ("full", "subsets")
        ],
    )


def _method(measure: Mapping[str, Any]) -> str:
    return "none" if measure["interval"] is None else str(measure["interval"]["method"])


def _temperatures(row: Mapping[str, Any]) -> str:
    """What was done to each member, as text."""
    members = zip(row["medians"], row["temperatures"], strict=False)
    return ", ".join(f"{each['network']} {_tempered(temperature)}" for each, temperature in members)


def _tempered(temperature: float) -> str:
    if temperature == 1:
        return "as it is"
    return f"{'sharpened' if temperature < 1 else 'softened'} ({temperature:.2f})"


def _verdicts(rows: Any) -> Iterator[str]:
    yield "The service's verdict on the ensemble, by the rule of its mitigation check:\n"
    for row in rows:
        if "verdict" in row:
            found = row["verdict"]
            why = f": {'; '.join(found['reasons'])}" if found["reasons"] else ""
            yield f"- {row['search']}: **{found['verdict']}** ({found['stamp']}){why}."
    yield ""


def _sufficiency(figures: Any, _: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Fresh {figures['architecture']} networks were trained on {figures['training']:,} images with their true "
        f"labels for {figures['epochs']} epochs without augmentation, and tested on {figures['test']:,} test images. "
        f"The subsets of both are those of {figures['masks_of']}, {figures['search']}. So few images make "
        "weak networks, and the table compares only these. An interval covers the choice of test images, not the luck "
        "of a seed.\n"
    )
    yield from table(
        ("trained on", "seed", *(f"tested on {kind}" for kind in KINDS)),
        [
            (row["trained_on"], str(row["seed"]), *(share_text(row["tested_on"][kind]) for kind in KINDS))
            for row in figures["rows"]
        ],
    )
    yield (
        f"A network trained and tested on 5% subsets differs in accuracy from one trained and tested on full images by "
        f"{points_text(figures['differences']['subsets_less_full'])}, and from one trained and tested on random "
        f"subsets by {points_text(figures['differences']['subsets_less_random'])}.\n"
    )
    yield (
        "A network that learns from 5% subsets need not learn the object. The choice of the pixels already contains "
        "the decision of the network that chose them, and the shape of a mask can be learnt too.\n"
    )
    yield (
        f"The masks of the training images took {figures['masks_seconds']:,.0f} s and are cached (digest of their "
        f"bits: {figures['masks_digest'][:DIGEST_SHOWN]}...). Training and testing all networks took "
        f"{figures['training_seconds']:,.0f} s.\n"
    )


def _descent_sufficiency(figures: Any, parts: Mapping[str, Any]) -> Iterator[str]:
    yield from _sufficiency(figures, parts)
    yield f"![Training curves](../images/{pictures.TRAINING})\n"


def _searches(figures: Any, parts: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{figures['network']} on the first {figures['n']} eligible test images. Exact backselect has fewer, as its n "
        "says. There are two fills: `mean`, which the paper uses, and `marginal` (another image of the data set), "
        "which the paper does not use. R is the share of the images with a subset of at most 5% of the pixels. For a "
        "search that removes pixels from the whole image, the last column says on how many images the last 5% keep "
        "the prediction, sufficient or not.\n"
    )
    rows = [*figures["rows"], *(parts["exhaustive"]["figures"] if "exhaustive" in parts else ())]
    extent = QUICK_EXTENT if is_quick(parts["searches"]) else FULL
    yield from _cut_off(planned_rows(extent) + len(extent.exact), len(rows))
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
            for row in rows
        ],
    )
