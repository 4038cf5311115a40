"""A result document as if it had more images, or fewer, of the same kind. Judges nothing.

Shares and paired differences keep their values, and their counts grow. The deviation of a mean stays. Other intervals,
and the ends of a quantile, narrow with the root of the number; of fewer than ten images there are none. Each source of
the spot test stands for as many like it, and so does each image beside a baseline. Readings are derived anew by their
rules. One whose numbers the document does not have takes at a tail the outcome that it now has at the tail whose end
lies as far from the estimate, by the normal distribution.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

from modicum.gate.baseline_file import Compared, baseline_document, sealed
from modicum.gate.ensembles import can_be_judged, stated_verdict
from modicum.gate.intervals import TAILS
from modicum.gate.readings_again import applied_rules
from modicum.gate.report_parts import BESIDE_THE_RESULT
from modicum.gate.tails import FEWEST_PAIRS

Document = Mapping[str, Any]
MEASURE = {"value", "unit", "n"}
COUNTED = ("pasted", "covered")
COUNTS = ("successes", "differing")
SHARES = ("accuracy_filled", "chance_accuracy")
"""Parameters of a paired difference that stay: what the rule of `shortcut` looks at beside it."""
UNSETTLED = "INCONCLUSIVE"
ROUNDING = 1e-9
"""Of a tail that is turned into a distance and back."""


def scaled(document: Document, factor: float) -> Document:
    """Return the document with `factor` times as many images, each row repeated."""
    left = BESIDE_THE_RESULT | {"stopping"}
    grown = {name: _scaled(value, factor) for name, value in document.items() if name not in left}
    grown["models"] = _read_anew(grown)
    grown["mitigation"] = [_ensemble_anew(one) for one in grown.get("mitigation", ())]
    if "rows" not in document:
        return grown
    copies = _copies({row["image_digest"] for row in document["rows"]}, factor)
    rows = [{**row, "image_digest": name} for row in document["rows"] for name in copies[row["image_digest"]]]
    return {**grown, "rows": rows}


def scaled_baseline(side: Compared, images: Sequence[str], factor: float) -> Document:
    """Return a baseline as a file of it, with the same copies of these images, which are those of the result."""
    copies = _copies(images, factor)
    searches = tuple(
        replace(
            search,
            images={
                name: replace(image, image=name)
                for image in search.images.values()
                for name in copies.get(image.image, (image.image,))
            },
        )
        for search in side.searches
    )
    return baseline_document(sealed(replace(side, searches=searches)), reason="")


def _copies(images: Iterable[str], factor: float) -> dict[str, list[str]]:
    """The names of the images like each image, among `factor` times as many. Their digests put them in order."""
    ordered = sorted(images)
    number = round(len(ordered) * factor)
    return {
        image: [f"{image}-{copy}" for copy in range(number // len(ordered) + (at < number % len(ordered)))]
        for at, image in enumerate(ordered)
    }


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, Mapping):
        if value.keys() >= MEASURE:
            return _measure(value, factor)
        return {name: _entry(name, one, factor) for name, one in value.items()}
    return [_scaled(one, factor) for one in value] if isinstance(value, list | tuple) else value


def _entry(name: str, value: Any, factor: float) -> Any:
    if name in COUNTED and isinstance(value, list | tuple):
        return _sources(value, factor)
    if name == "outcomes":
        return list(_outcomes(value, factor))
    if name == "counts":
        return {count: round(number * factor) for count, number in value.items()}
    return round(value * factor) if name == "sources" else _scaled(value, factor)


def _read_anew(document: Document) -> list[Document]:
    """The versions of a document that has grown, with their readings by their rules."""
    return [
        {**model, "searches": [_search_anew(document, model, search) for search in model["searches"]]}
        for model in document["models"]
    ]


def _search_anew(document: Document, model: Document, search: Document) -> Document:
    """A search with its readings anew; one of which the document has no numbers stays as it has grown."""
    rules = applied_rules(document, model["model_version"], search)
    readings = [
        {**one, "outcomes": [(tail, rule.outcome(tail)) for tail in TAILS]}
        if (rule := rules.get(one["control"])) is not None and rule.has_numbers
        else one
        for one in search["readings"]
    ]
    return {**search, "readings": readings}


def _ensemble_anew(entry: Document) -> Document:
    """The verdict on an ensemble by intervals that have narrowed."""
    return {**entry, "verdict": stated_verdict(entry)} if can_be_judged(entry) else entry


def _outcomes(outcomes: Sequence[tuple[float, str]], factor: float) -> Iterator[tuple[float, str]]:
    """The outcome of a reading at each one-sided tail. Between two known tails the smaller one counts."""
    normal, root = NormalDist(), math.sqrt(factor)
    known = sorted((tail, outcome) for tail, outcome in outcomes)
    for tail, _ in outcomes:
        as_far = normal.cdf(normal.inv_cdf(tail) / root) * (1 + ROUNDING)
        yield tail, next((outcome for at, outcome in reversed(known) if at <= as_far), UNSETTLED)


def _sources(counts: Sequence[Document], factor: float) -> list[Document]:
    """As many sources, each like one of those that there are, in turn."""
    number = round(len(counts) * factor)
    return [{**counts[at % len(counts)], "source": at} for at in range(number)]


def _measure(measure: Document, factor: float) -> Document:
    n = round(measure["n"] * factor)
    grown = {**measure, "n": n}
    if "groups" in measure:
        grown["groups"] = {name: _measure(one, factor) for name, one in measure["groups"].items()}
    if measure["value"] is None:
        return grown
    has_ends = n >= FEWEST_PAIRS
    grown["interval"] = _narrowed(measure.get("interval"), measure["value"], factor) if has_ends else None
    grown["evidence"] = _evidence(measure.get("evidence") or {}, measure["value"], factor) if has_ends else {}
    return {**grown, **_counts(measure, n, factor)}


def _counts(measure: Document, n: int, factor: float) -> dict[str, Any]:
    """The counts behind a share or a paired difference, in whole images, and the value that they give."""
    parameters = {name: one for name, one in (measure.get("parameters") or {}).items() if name in COUNTS}
    if "successes" in parameters and measure["unit"] == "share":
        successes = round(measure["value"] * n)
        return {"value": successes / n if n else measure["value"], "parameters": {"successes": successes}}
    if "differing" in parameters and measure["unit"] == "difference":
        net, differing = measure["value"] * measure["n"], parameters["differing"]
        gained, lost = (round((differing + side * net) / 2 * factor) for side in (1, -1))
        value = (gained - lost) / n if n else measure["value"]
        shares = {name: measure["parameters"][name] for name in SHARES if name in measure["parameters"]}
        return {"value": value, "parameters": {**shares, "differing": gained + lost}}
    return {"parameters": {}}


def _evidence(evidence: Document, value: float, factor: float) -> Document:
    """The ends of a quantile narrow like any interval, those of further tails too; the deviation of a mean stays."""
    known = {tail: both for tail, *both in evidence.get("ends", ())}
    if not known:
        return evidence
    normal, root, smallest = NormalDist(), math.sqrt(factor), min(known)
    ends = []
    for tail in TAILS:
        farther = 1.0 if tail in known else normal.inv_cdf(tail) / normal.inv_cdf(smallest)
        both = known.get(tail, known[smallest])
        ends.append([tail, *(None if end is None else value + (end - value) * farther / root for end in both)])
    return {**evidence, "ends": ends}


def _narrowed(interval: Document | None, value: float, factor: float) -> Document | None:
    if interval is None:
        return interval
    root = math.sqrt(factor)
    ends = {
        name: None if interval[name] is None else value + (interval[name] - value) / root for name in ("low", "high")
    }
    return {**interval, **ends}
