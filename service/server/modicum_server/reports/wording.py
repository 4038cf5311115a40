"""What a report calls things: numbers, classes, reasons, names. Must not know HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

from modicum_server.domain.findings import FindingReason
from modicum_server.domain.searches import SearchMethod
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure
from modicum_server.measures.words import OPEN_END, confidence_text, ratio_text, share_text

REASONS: Mapping[str, str] = {
    FindingReason.NOT_ELIGIBLE: "below the threshold on the whole image, so not searched",
    FindingReason.NOT_FOUND: "no sufficient subset found for the class that was asked for",
    FindingReason.IMAGE_UNREADABLE: "neither a picture that can be decoded nor an array that the input takes",
    FindingReason.IMAGE_TOO_LARGE: "more pixels than the server decodes",
    FindingReason.NOT_FINITE: "the model answered with NaN or infinity",
    FindingReason.MODEL_DIED: "the model's process died on this image",
    FindingReason.FILL_UNAVAILABLE: "fewer than two donors for the marginal fill",
    FindingReason.INTERNAL: "a fault of the server's own; its log has it",
    FindingReason.STOPPED: "the audit was stopped before this image was done",
}

MEASURES = {
    "overinterpretation_rate": "Overinterpretation rate",
    "overinterpretation_rate_class_targeted": "The same for a random other class",
    "other_class_found_share": "Images with a subset for a random other class",
    "accuracy": "Accuracy",
    "eligible_share": "Eligible images",
    "baseline_confident_share": "Baseline-confident images",
    "subset_fraction_median": "Subset fraction, median",
    "subset_fraction_lower_quartile": "Subset fraction, lower quartile",
    "subset_fraction_upper_quartile": "Subset fraction, upper quartile",
    "subset_fraction_median_correct": "Subset fraction, median, correct predictions",
    "subset_fraction_median_incorrect": "Subset fraction, median, incorrect predictions",
    "subset_size_median": "Subset size, median",
    "border_share_median": "Border share, median",
    "object_share_median": "Object share, median",
    "object_share_excess_median": "Object share less the objects' area, median",
    "shortcut_accuracy_drop": "Accuracy lost when what lies beside the object is filled with the mean",
    "class_targeted_found_share": "Random other class: subset found",
    "class_targeted_size_ratio_median": "Random other class: size ratio, median",
    "fill_robust_found_share": "Whatever stands elsewhere: a part of the image suffices",
    "fill_robust_fraction_median": "Whatever stands elsewhere: subset fraction, median",
    "fill_robust_size_ratio_median": "Whatever stands elsewhere: size over the search's own subset, median",
    "dilated_sufficient_share": "Subsets that suffice with neighbouring pixels added",
    "dilated_confidence_median": "Confidence with neighbouring pixels added, median",
    "mask_only_white_on_mean_sufficient_share": "Bare masks in white that suffice",
    "mask_only_white_on_mean_confidence_median": "Confidence of the bare mask in white, median",
    "mask_only_black_on_mean_sufficient_share": "Bare masks in black that suffice",
    "mask_only_black_on_mean_confidence_median": "Confidence of the bare mask in black, median",
    "random_sufficient_share": "Random subsets of the same size that suffice",
    "random_confidence_median": "Confidence of random subsets, median",
    "random_accuracy": "Accuracy on random subsets",
    "pixel_subsets_accuracy": "Accuracy on the last 5% of the pixels",
    "pixel_subsets_random_accuracy": "Accuracy on a random 5% of the pixels, the same images",
    "pixel_subsets_whole_accuracy": "Accuracy on whole images, the same images",
    "pixel_subsets_accuracy_gain": "Accuracy on the last 5% less that on a random 5%",
    "pixel_subsets_accuracy_drop": "Accuracy on whole images less that on the last 5%",
    "pixel_subsets_class_kept_share": "Images that keep their class on the last 5% of the pixels",
    "pixel_subsets_random_class_kept_share": "Images that keep their class on a random 5% of the pixels",
    "pixel_subsets_class_kept_gain": "The first of these shares less the second",
    "pixel_subsets_confidence_mean": "Confidence on the last 5% of the pixels, mean",
    "pixel_subsets_random_confidence_mean": "Confidence on a random 5% of the pixels, mean",
    "subset_fraction_ratio": "Ratio of subset fractions",
    "accuracy_difference": "Difference in accuracy",
    "matched_subset_fraction_ratio": "Ratio of subset fractions at matched temperatures",
    "overinterpretation_rate_difference": "Difference in the overinterpretation rate",
    "ood_accuracy_difference": "Difference in accuracy on out-of-distribution images",
    "ood_accuracy": "Accuracy on out-of-distribution images",
}


VARIANTS = {
    "dilated": "neighbours added",
    "white_on_mean": "shape in white",
    "black_on_mean": "shape in black",
    "random": "random pixels",
    "ring_filled": "whole image, ring filled",
    "outside_filled": "objects alone",
}

NO_VALUE = "none"
FINE_RATIO = 10


def reason_text(reason: str) -> str:
    """Return a reason in words."""
    return REASONS.get(reason, reason)


def variant_text(variant: str) -> str:
    """Return what was changed about a subset, in words."""
    return VARIANTS.get(variant, variant.replace("_", " "))


def measure_name(name: str) -> str:
    """Return a measure's name in words; one that is not known here reads as it is written."""
    if name.startswith("fill_survival_"):
        return f"Subsets that survive the {name.removeprefix('fill_survival_')} fill"
    return MEASURES.get(name, name.replace("_", " ").capitalize())


def value_text(measure: Measure) -> str:
    """Return a measure's value with its unit; "none" where there is none."""
    return NO_VALUE if measure.value is None else number_text(measure.value, measure.unit)


def interval_ends(measure: Measure) -> str:
    """Return "LOW to HIGH", or why there is no interval."""
    if measure.interval is None:
        return measure.unavailable or f"no interval below n = {SMALLEST_SAMPLE}"
    ends = (measure.interval.low, measure.interval.high)
    low, high = (OPEN_END if end is None else _end_text(end, measure.unit) for end in ends)
    return f"{low} to {high}"


def number_text(value: float, unit: str) -> str:
    """Return a number as its unit is written."""
    if unit in {"share", "pixels share"}:
        return share_text(value)
    if unit == "ratio":
        return f"{_ratio_text(value)} times"
    if unit == "pixels":
        return pixels_text(value)
    if unit == "confidence":
        return confidence_text(value)
    return f"{value:,.3g}"


def _ratio_text(ratio: float) -> str:
    """A ratio in a table: near 1 a second decimal tells what lies beyond a limit."""
    return f"{ratio:.2f}" if ratio < FINE_RATIO else ratio_text(ratio)


def _end_text(value: float, unit: str) -> str:
    """An end of an interval: the unit stands with the value already, but for the sign of per cent."""
    if unit == "ratio":
        return _ratio_text(value)
    return f"{value:,.0f}" if unit == "pixels" else number_text(value, unit)


def pixels_text(size: float) -> str:
    """Return a number of pixels ("1 pixel", "1,204 pixels"); a median can end in a half."""
    number = f"{size:,.0f}" if size == int(size) else f"{size:,.1f}"
    return f"{number} pixel" if size == 1 else f"{number} pixels"


def class_text(index: int | None, labels: Sequence[str]) -> str:
    """Return a class by name, by number where there is no name."""
    if index is None or index < 0:
        return "unknown"
    return labels[index] if index < len(labels) and labels[index] else f"class {index}"


def budget_text(search: Mapping[str, Any]) -> str:
    """Return what limits a search, by its method."""
    method = search["method"]
    if method == SearchMethod.MASK_OPTIMIZATION.value:
        return f"{search['passes']:,} pass-equivalents an image"
    if method == SearchMethod.BATCHED_GRADIENT.value:
        return f"{search['pixels_per_step']:,} pixels removed a step"
    return (
        "one pixel removed a step (exact)"
        if not search["fraction"]
        else f"{share_text(search['fraction'])} removed a step"
    )


def acceleration_text(used: Mapping[str, Any]) -> str:
    """Return how the passes of a version's searches ran, and what of it was declined."""
    ran = [
        used["dtype"],
        f"{used['folded']:,} batch norms folded" if used["folded"] else "",
        "compiled" if used["compiled"] else "",
        "as CUDA graphs" if used["graphs"] else "",
        f"aimed {used['aim']:.2g} log-odds above the threshold" if used["aim"] else "",
    ]
    told = ", ".join(part for part in ran if part)
    return f"{told}; declined: {used['declined']}" if used["declined"] else told
