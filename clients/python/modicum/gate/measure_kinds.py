"""What kind of number each measure of a result is, by its name: its unit, its evidence, how its interval was made.

A measure is judged by the evidence that it has (`tails.number_of`). So whoever adds a key of another kind would choose
the number that is judged. What the numbers say is not looked at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modicum.gate.copies import counts_pictures
from modicum.gate.differing import CLOSE, Differences, differing
from modicum.gate.measured_again import BY_REGION, MEASURES, Quantile
from modicum.gate.tails import FEWEST_PAIRS

Document = Mapping[str, Any]
MEASURE = frozenset({"value", "unit", "n"})
USUAL_LEVEL = 0.95
LEAST_LEVEL = 0.9
"""From here on an interval holds its value, however it was made: a narrower one of resamples may miss a skewed mean."""
WIDER = "with_two_images_added"
"""Of paired differences in version 1 of the form: a second interval, which counts where it stands."""


@dataclass(frozen=True, slots=True)
class MeasureKind:
    """A kind of measure.

    Attributes:
        units: that it may have.
        method: how its interval was made.
        counts: keys of `parameters` by which it is judged.
        evidence: keys of `evidence` by which it is judged.
        least: so many images bring all of these keys.
    """

    units: tuple[str, ...]
    method: str
    counts: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    least: int = 1


SPREAD = ("deviation", "skewness")
SHARE = MeasureKind(("share",), "wilson", counts=("successes",))
QUANTILE = MeasureKind(
    ("share", "pixels share", "pixels", "confidence", "ratio", "difference"), "order statistics", evidence=("ends",)
)
PAIRED = MeasureKind(("difference",), "square and add", counts=("differing",))
MEAN = MeasureKind(("confidence",), "bootstrap", evidence=SPREAD, least=FEWEST_PAIRS)
RATIO = MeasureKind(("ratio",), "bootstrap", evidence=(*SPREAD, "logarithms"), least=FEWEST_PAIRS)
FROM_MEAN = MeasureKind(
    ("difference",), "square and add", counts=("differing",), evidence=("ends",), least=FEWEST_PAIRS
)
VERSION_DIFFERENCE = MeasureKind(("difference",), "t over sources, one at 1 and one at -1 added")

OF_A_SEARCH: Mapping[str, MeasureKind] = {
    **{name: QUANTILE if isinstance(taken, Quantile) else SHARE for name, taken in MEASURES.items()},
    **dict.fromkeys(BY_REGION["ring"], PAIRED),
    "border_share_median": QUANTILE,
    "pixel_subsets_accuracy": SHARE,
    "pixel_subsets_random_accuracy": SHARE,
    "pixel_subsets_whole_accuracy": SHARE,
    "pixel_subsets_class_kept_share": SHARE,
    "pixel_subsets_random_class_kept_share": SHARE,
    "pixel_subsets_accuracy_gain": PAIRED,
    "pixel_subsets_accuracy_drop": PAIRED,
    "pixel_subsets_class_kept_gain": PAIRED,
    "pixel_subsets_confidence_mean": MEAN,
    "pixel_subsets_random_confidence_mean": MEAN,
}
"""By name, the measures of one version under one search."""
OF_A_PART: Mapping[str, Mapping[str, MeasureKind]] = {
    "counterfactuals": {
        "counterfactual_accuracy_loss": PAIRED,
        "counterfactual_original_accuracy": SHARE,
        "counterfactual_accuracy": SHARE,
        "counterfactual_changed_share": SHARE,
    },
    "transfer": {
        f"{control}_{name}": kind
        for control in ("transfer", "transfer_agreed")
        for name, kind in (("class_kept_share", SHARE), ("sufficient_share", SHARE), ("confidence_median", QUANTILE))
    },
    "comparisons": {
        "subset_fraction_ratio": RATIO,
        "accuracy_difference": PAIRED,
        "spot_pasted_version_difference": VERSION_DIFFERENCE,
        "spot_covered_version_difference": VERSION_DIFFERENCE,
    },
    "mitigation": {
        "subset_fraction_ratio": RATIO,
        "matched_subset_fraction_ratio": RATIO,
        "accuracy_difference": FROM_MEAN,
        "overinterpretation_rate_difference": FROM_MEAN,
    },
}
"""By part of the document, the names of its measures."""
DECIDING = {
    "parameters": ("successes", "differing", WIDER),
    "evidence": ("ends", *SPREAD, "logarithms"),
}
"""By where it stands, each key by which some measure is judged."""


def kind_of(part: str, name: str) -> MeasureKind | None:
    """Return the kind of a measure of a part of the document; None of one that this client does not judge."""
    return OF_A_PART.get(part, {}).get(name) or OF_A_SEARCH.get(name)


def measures_in(part: str, value: Any) -> Iterator[tuple[str, MeasureKind | None, Document]]:
    """Yield every measure of a part of the document with its path and kind, those of classes too."""
    yield from _measures(part, value, part, "", "")


def _measures(
    path: str, value: Any, part: str, within: str, name: str
) -> Iterator[tuple[str, MeasureKind | None, Document]]:
    """`within` is the key of the value, `name` that of the measure in which it stands."""
    if isinstance(value, Mapping):
        if value.keys() >= MEASURE:
            yield path, kind_of(part, name), value
        for key, one in value.items():
            yield from _measures(f"{path}.{key}", one, part, key, key if within == "measures" else name)
    elif isinstance(value, list | tuple):
        for at, one in enumerate(value):
            yield from _measures(f"{path}[{at}]", one, part, within, name)


def of_another_kind(path: str, kind: MeasureKind, measure: Document, document: Document) -> Differences:
    """Yield what of a measure is not of its kind: its unit, a key by which it would be judged, its interval."""
    if measure["unit"] not in kind.units:
        yield f"{path}.unit", measure["unit"], " or ".join(kind.units)
    wanted = {"parameters": kind.counts, "evidence": kind.evidence}
    for place, keys in DECIDING.items():
        has = measure.get(place) or {}
        for key in keys:
            if key in has and key not in wanted[place] and not _is_of_the_first_form(key, kind, document):
                yield f"{path}.{place}.{key}", has[key], "nothing"
    if counts_pictures(document):
        yield from _missing(path, kind, measure)
        yield from _of_another_interval(path, kind, measure, document)
        yield from _outside_its_interval(path, measure)


def _is_of_the_first_form(key: str, kind: MeasureKind, document: Document) -> bool:
    return key == WIDER and kind is PAIRED and document["schema_version"] == 1


def _missing(path: str, kind: MeasureKind, measure: Document) -> Differences:
    """Keys by which it would be judged. A quantile without known ends has none."""
    if measure["value"] is None or measure["n"] < kind.least:
        return
    wanted = {"parameters": kind.counts, "evidence": () if kind is QUANTILE else kind.evidence}
    for place, keys in wanted.items():
        for key in keys:
            if (measure.get(place) or {}).get(key) is None:
                yield f"{path}.{place}.{key}", "missing", "one"


def _of_another_interval(path: str, kind: MeasureKind, measure: Document, document: Document) -> Differences:
    if (interval := measure.get("interval")) is not None:
        level = document["specification"]["statistics"].get("level", USUAL_LEVEL)
        yield from differing(f"{path}.interval.method", interval.get("method"), kind.method)
        yield from differing(f"{path}.interval.level", interval["level"], level)


def _outside_its_interval(path: str, measure: Document) -> Differences:
    interval, value = measure.get("interval") or {}, measure["value"]
    if value is None or interval.get("level", USUAL_LEVEL) < LEAST_LEVEL:
        return
    low, high = interval.get("low"), interval.get("high")
    if low is not None and value < low - CLOSE * max(1, abs(low)):
        yield f"{path}.value", value, f"at least {low}, the lower end of its interval,"
    elif high is not None and value > high + CLOSE * max(1, abs(high)):
        yield f"{path}.value", value, f"at most {high}, the upper end of its interval,"
