"""Whether a result document says what it was made of: its numbers are taken again from its rows. Judges nothing.

`measured_again` takes measures again from the rows. `consistency` judges readings and spot tests again, from numbers of
the document itself, and `said_twice` compares what it says of itself in two places. Where the digest of the stored
result is known, that is compared first (`stored_digest`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from modicum.gate.class_rules import MOST_CLASSES
from modicum.gate.consistency import contradictions
from modicum.gate.copies import counts_pictures
from modicum.gate.differing import Differences, differing, differing_fields, shown
from modicum.gate.form_proofs import older_than_its_keys
from modicum.gate.losses import LOW, OF_THE_WHOLE
from modicum.gate.measure_kinds import DECIDING
from modicum.gate.measured_again import BY_REGION, Taken, again, taken_by
from modicum.gate.other_alpha import RATES
from modicum.gate.report_parts import BESIDE_THE_RESULT
from modicum.gate.requests import rows_of_another_request
from modicum.gate.row_facts import RowFacts
from modicum.gate.said_twice import said_twice
from modicum.gate.searched import searched
from modicum.gate.spots_of_rows import spots_of_other_images

Document = Mapping[str, Any]
USUAL_LEVEL = 0.95
OF_ALL_RELEASES = frozenset({"accuracy", "eligible_share", "baseline_confident_share", *RATES})
"""Measures that older releases took in the same way; of the results of these no other is compared."""
JUDGED_BY = {**DECIDING, "parameters": (*DECIDING["parameters"], *OF_THE_WHOLE, LOW)}
"""By where it stands, each key by which a measure or a reading is judged."""
SHORTCUTS = frozenset(BY_REGION["ring"])
"""Measures that are taken by what was filled."""


def first_difference(document: Document) -> str:
    """Return the first field in which a result differs from what it was made of, with both values; empty if in none.

    Without rows, only whether it contradicts itself is known.
    """
    compared = _of_its_rows(document) if "rows" in document else contradictions(document)
    return next(chain(_told(older_than_its_keys(document)), _told(compared), said_twice(document)), "")


def _told(differences: Differences) -> Iterator[str]:
    return (f"{path} is {shown(said)}, but {shown(counted)} was counted" for path, said, counted in differences)


def stored_digest(report: Document) -> str:
    """Return the SHA-256 of the stored result that a report was made of."""
    result = {name: value for name, value in report.items() if name not in BESIDE_THE_RESULT}
    text = json.dumps(result, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_its_rows(document: Document) -> Differences:
    rows = document["rows"]
    if "rows" in document["findings"]:
        yield from differing("findings.rows", document["findings"]["rows"], len(rows))
    level, whole = document["specification"]["statistics"].get("level", USUAL_LEVEL), counts_pictures(document)
    for at, (_, searches) in enumerate(searched(document)):
        for index, (search, images) in enumerate(searches):
            path = f"models[{at}].searches[{index}]"
            yield from differing_fields(f"{path}.counts", search["counts"], _counts(images))
            compared = {name: one for name, one in search["measures"].items() if whole or name in OF_ALL_RELEASES}
            yield from _measures_differing(f"{path}.measures", compared, images, level, whole=whole)
    yield from rows_of_another_request(document)
    yield from spots_of_other_images(document)
    yield from contradictions(document)


def _measures_differing(
    path: str, measures: Document, images: Sequence[RowFacts], level: float, *, whole: bool
) -> Differences:
    for name, measure in measures.items():
        taken = taken_by(name, measure)
        if taken is None and name in SHORTCUTS and whole:
            yield f"{path}.{name}.parameters.region", measure["parameters"].get("region"), " or ".join(BY_REGION)
        elif taken is not None:
            groups = measure.get("groups", {})
            told = again(taken, images, level, list(groups))
            yield from differing_fields(f"{path}.{name}", measure, told)
            yield from _missing(f"{path}.{name}", measure, told)
            if groups or whole:  # an older release may have grouped fewer measures
                yield from _missing_classes(f"{path}.{name}.groups", groups, taken, images)


def _missing(path: str, measure: Document, told: Document) -> Differences:
    """What a measure is judged by: without it the measure would be judged by its interval alone."""
    for place, keys in JUDGED_BY.items():
        for key in keys:
            if key in told.get(place, {}) and key not in (measure.get(place) or {}):
                yield f"{path}.{place}.{key}", "missing", told[place][key]
    for index, group in told.get("groups", {}).items():
        yield from _missing(f"{path}.groups.{index}", measure["groups"][index], group)


def _missing_classes(path: str, groups: Document, taken: Taken, images: Sequence[RowFacts]) -> Differences:
    """Classes that a result had to have. It has those with the most images, so of very many none is asked for."""
    classes = {taken.class_of(one) for one in images if taken.counts(one)} - {None}
    if len(classes) <= MOST_CLASSES:
        for missing in sorted(set(map(str, classes)) - groups.keys()):
            yield f"{path}.{missing}", "missing", "one"


def _counts(images: Sequence[RowFacts]) -> dict[str, int]:
    return {
        "images": len(images),
        "eligible": sum(one.eligible for one in images),
        "not_eligible": sum(not one.eligible and not one.failed for one in images),
        "baseline_confident": sum(one.baseline_confident for one in images),
        "with_subset": sum(one.with_subset for one in images),
        "failed": sum(one.failed for one in images),
        "budget_exhausted": sum(one.budget_exhausted for one in images),
        "saturated": sum(one.saturated for one in images),
    }
