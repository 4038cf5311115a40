"""Whether a result document contradicts itself. Needs no rows.

Measures are compared with their kinds, shares with their counts and their intervals, readings and verdicts on ensembles
with the numbers that decide them, and spot tests with the counts of every source. Somebody who edits all of it in
accord is not noticed. Older releases had other rules: of their results kinds and shares alone are compared.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from modicum.gate.copies import counts_pictures
from modicum.gate.count_bounds import beyond_bounds
from modicum.gate.differing import Differences, differing, differing_fields
from modicum.gate.ensembles import ensembles_differing
from modicum.gate.intervals import wilson_ends
from modicum.gate.losses import losses_differing, of_its_pairs
from modicum.gate.measure_kinds import PAIRED, measures_in, of_another_kind
from modicum.gate.needed import is_of_labels
from modicum.gate.readings_again import readings_differing
from modicum.gate.report_parts import LEFT_AS_THEY_ARE
from modicum.gate.requests import request_differing
from modicum.gate.spots_again import spots_differing
from modicum.gate.tails import FEWEST_PAIRS

Document = Mapping[str, Any]


def contradictions(document: Document) -> Differences:
    """Yield where a result document contradicts itself."""
    parts = {name: part for name, part in document.items() if name not in LEFT_AS_THEY_ARE}
    for path, kind, measure in chain.from_iterable(measures_in(*part) for part in parts.items()):
        yield from _of_its_counts(path, measure)
        if kind is not None:
            yield from of_another_kind(path, kind, measure, document)
        if kind is PAIRED and counts_pictures(document):
            yield from of_its_pairs(path, measure)
    yield from beyond_bounds(document)
    yield from _labels_differing(document)
    yield from request_differing(document)
    if not counts_pictures(document):
        return  # an older release summarised it, by rules of its own
    yield from losses_differing(document)
    yield from readings_differing(document)
    yield from spots_differing(document)
    yield from ensembles_differing(document)


def _labels_differing(document: Document) -> Differences:
    """Fewer labels than rows have, or than images of a measure that takes labels. Older results do not tell them."""
    if "with_labels" not in document["dataset"]:
        return
    searches = [search for model in document["models"] for search in model["searches"]]
    measured = [one["n"] for search in searches for name, one in search["measures"].items() if is_of_labels(name)]
    labelled = {row["position"] for row in document.get("rows", ()) if row["label"] is not None and row["label"] >= 0}
    said, least = document["dataset"]["with_labels"], max([len(labelled), *measured])
    if said < least:
        yield "dataset.with_labels", said, f"at least {least}"


def _of_its_counts(path: str, measure: Document) -> Differences:
    successes, n = (measure.get("parameters") or {}).get("successes"), measure["n"]
    if successes is not None and not 0 <= successes <= n:
        yield f"{path}.parameters.successes", successes, f"at most {n}" if successes > n else "at least 0"
        return
    if measure["unit"] != "share" or successes is None or not n or measure["value"] is None:
        return
    yield from differing(f"{path}.value", measure["value"], successes / n)
    interval = measure.get("interval") or {}
    if interval.get("method") == "wilson" and n >= FEWEST_PAIRS:
        low, high = wilson_ends(successes / n, n, interval["level"])
        yield from differing_fields(f"{path}.interval", interval, {"low": low, "high": high})
