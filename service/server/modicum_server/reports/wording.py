"""How a report writes numbers, classes, reasons and names. Knows no HTML."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modicum.gate.numbers import significant

from modicum_server.domain.controls import CONTROLS
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.searches import SearchMethod
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure
from modicum_server.measures.number_words import (
    OPEN_END,
    class_label,
    confidence_text,
    enumeration,
    fine_ratio_text,
    points_number,
    share_text,
    short_name,
    short_points_text,
)

REASONS: Mapping[str, str] = {
    FindingReason.NOT_ELIGIBLE: "below the threshold on the whole image, so not searched",
    FindingReason.NOT_FOUND: "no sufficient subset found for the requested class",
    FindingReason.IMAGE_UNREADABLE: "the image cannot be read, or it does not fit the input",
    FindingReason.IMAGE_TOO_LARGE: "the image has more pixels than the server accepts",
    FindingReason.NOT_FINITE: "the model returned NaN or infinity",
    FindingReason.MODEL_DIED: "the model's process died on this image",
    FindingReason.FILL_UNAVAILABLE: "fewer than two donors for the marginal fill",
    FindingReason.INTERNAL: "an internal error of the server; the server's log has the details",
    FindingReason.STOPPED: "the audit was stopped before this image was done",
}

VARIANTS = {name: words for facts in CONTROLS.values() for name, words in facts.variants.items()}

NO_VALUE = "none"
MODELS_NAMED = 2
"""Models that a title names; of more it gives the number."""


def version_names(document: Mapping[str, Any]) -> Callable[[str], str]:
    """Return the function that names a version, with its stamp, such as "inference only", if it has one."""
    stamps = {model["model_version"]: model.get("stamp", "") for model in document["models"]}

    def called(version: str) -> str:
        stamp = stamps.get(version, "")
        return f"{short_name(version)} ({stamp})" if stamp else short_name(version)

    return called


def brief_names(versions: Sequence[str]) -> dict[str, str]:
    """Return the shortest names that tell versions of an audit apart, by resource name.

    That is the model where each has its own, the version where all have the same model, and otherwise both.
    """
    known = {version: version.split("/") for version in versions}
    if not all(len(parts) == 6 for parts in known.values()):  # noqa: PLR2004  projects/P/models/M/versions/V
        return {version: short_name(version) for version in versions}
    models = {parts[3] for parts in known.values()}
    if len(models) == len(known):
        return {version: parts[3] for version, parts in known.items()}
    if len(models) == 1:
        return {version: f"version {parts[5]}" for version, parts in known.items()}
    return {version: f"{parts[3]} {parts[5]}" for version, parts in known.items()}


def versions_text(versions: Sequence[str]) -> str:
    """Return the models and the number of their versions: "digits, 2 versions".

    More than `MODELS_NAMED` models are counted, not named: "9 versions of 4 models". A version whose name is no
    resource name counts as a model of its own.
    """
    models = list(dict.fromkeys(version.split("/versions/")[0].rsplit("/", 1)[-1] for version in versions))
    if len(models) > MODELS_NAMED:
        return f"{len(versions)} versions of {len(models)} models"
    return f"{enumeration(models)}, {len(versions)} versions"


def capital(text: str) -> str:
    """Return a text as a sentence begins: its first letter is a capital, and the rest stays."""
    return f"{text[:1].upper()}{text[1:]}"


def reason_text(reason: str) -> str:
    """Return a reason in words."""
    return REASONS.get(reason, reason)


def variant_text(variant: str) -> str:
    """Return what was changed in a subset, in words."""
    return VARIANTS.get(variant, variant.replace("_", " "))


def value_text(measure: Measure) -> str:
    """Return a measure's value with its unit; "none" without one."""
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
        return f"{fine_ratio_text(value)} times"
    if unit == "images":
        return f"{value:,.0f}"
    if unit == "pixels":
        return pixels_text(value)
    if unit == "confidence":
        return confidence_text(value)
    if unit == "difference":
        return short_points_text(value)
    return plain_number(value)


def plain_number(value: float) -> str:
    """Return a number as people write it: three significant digits below a thousand, whole above, no exponent."""
    text = significant(value, 3)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _end_text(value: float, unit: str) -> str:
    """Return an end of an interval. The unit is with the value already, except for the per cent sign."""
    if unit == "ratio":
        return fine_ratio_text(value)
    if unit == "difference":
        return points_number(value)
    return f"{value:,.0f}" if unit == "pixels" else number_text(value, unit)


def pixels_text(size: float) -> str:
    """Return a number of pixels ("1 pixel", "1,204 pixels"). A median can end in a half."""
    number = f"{size:,.0f}" if size == int(size) else f"{size:,.1f}"
    return f"{number} pixel" if size == 1 else f"{number} pixels"


def class_text(index: int | None, labels: Sequence[str]) -> str:
    """Return the name of a class, or its number without one."""
    if index is None or index < 0:
        return "unknown"
    return class_label(index, labels)


def budget_text(search: Mapping[str, Any]) -> str:
    """Return the limit of a search: its budget, or that of its method."""
    method = search["method"]
    if method == SearchMethod.MASK_OPTIMIZATION.value:
        return f"{search['passes']:,} pass-equivalents per image"
    if method == SearchMethod.BATCHED_GRADIENT.value:
        return f"{search['pixels_per_step']:,} pixels removed per step"
    return (
        "one pixel removed per step (exact)"
        if not search["fraction"]
        else f"{share_text(search['fraction'])} removed per step"
    )


def acceleration_text(used: Mapping[str, Any]) -> str:
    """Return how the passes of a version's searches ran, and which accelerations were declined."""
    ran = [
        used["dtype"],
        f"{used['folded']:,} batch norms folded" if used["folded"] else "",
        "compiled" if used["compiled"] else "",
        "as CUDA graphs" if used["graphs"] else "",
        f"aimed {used['aim']:.2g} log-odds above the threshold" if used["aim"] else "",
    ]
    told = ", ".join(part for part in ran if part)
    return f"{told}; declined: {used['declined']}" if used["declined"] else told
