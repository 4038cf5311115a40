"""Whether a result tells the request that it answers: its specification beside the digest of it, and beside the rows.

The digest is that of `modicum_server.domain.audits.AuditSpecification`; a test compares both.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from modicum.gate.copies import counts_pictures
from modicum.gate.differing import Differences, differing
from modicum.gate.search_passes import has_budget
from modicum.gate.searched import asked_searches

Document = Mapping[str, Any]
SINCE = 5
"""Version of the form from which on the specification is compared with its digest."""
ROUNDED = 1e-6
"""How far a confidence may be from the threshold on the wrong side: some parts hold 32 bits."""
USUAL_STATISTICS = {"level": 0.95, "alpha": 0.05, "ratio_limit": 1.1, "accuracy_limit": -0.02}
FRACTIONS = frozenset({"threshold", "fraction", *USUAL_STATISTICS})
"""Fields that are fractions, also where a program wrote 1.0 as 1."""
ALWAYS = frozenset(
    {"model_versions", "dataset", "canvas", "searches", "controls", "seed", "sample", "device"}
    | {"out_of_distribution_dataset", "statistics"}
)
"""Fields that the digest holds even where they are empty."""


def request_differing(document: Document) -> Differences:
    """Yield where the specification is not that of its digest; older results are not compared."""
    if document["schema_version"] >= SINCE:
        digest = specification_digest(document["specification"])
        yield from differing("specification_digest", document["specification_digest"], digest)


def specification_digest(specification: Document) -> str:
    """Return the digest of a specification: without default statistics, and without fields that came later if empty."""
    values = {name: one for name, one in specification.items() if name in ALWAYS or one not in (None, "", [], 0)}
    values["searches"] = [_fractions(one) for one in asked_searches({"specification": specification})]
    values["statistics"] = _fractions(specification["statistics"])
    values["controls"] = [_without(plan, "method", None) for plan in specification["controls"]]
    if values["statistics"] == USUAL_STATISTICS:
        del values["statistics"]
    if stopping := values.get("stopping"):
        limits = [_without(limit, "class_label", "") for limit in stopping["limits"]]
        values["stopping"] = {**stopping, "limits": limits}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _fractions(part: Document) -> dict[str, Any]:
    return {name: float(one) if name in FRACTIONS else one for name, one in part.items()}


def _without(part: Document, key: str, empty: Any) -> dict[str, Any]:
    return {name: one for name, one in part.items() if name != key or one != empty}


def rows_of_another_request(document: Document) -> Differences:
    """Yield the first row that another threshold or budget would give; older results are not compared."""
    if not counts_pictures(document):
        return
    searches = asked_searches(document)
    for at, row in enumerate(document["rows"]):
        yield from _of_another_search(f"rows[{at}]", row, searches[row["search_index"]])


def _of_another_search(path: str, row: Document, search: Document) -> Differences:
    threshold, confidence = search["threshold"], row.get("confidence")
    if search["target_rule"] == "predicted" and confidence is not None and row["predicted_class"] is not None:
        if row["eligible"] and confidence < threshold - ROUNDED:
            yield f"{path}.confidence", confidence, f"at least the threshold {threshold}"
        elif not row["eligible"] and confidence >= threshold + ROUNDED and row["reason"] in {None, "NOT_ELIGIBLE"}:
            yield f"{path}.eligible", row["eligible"], f"a confidence of at least the threshold {threshold}"
    verified = row.get("verified_confidence")
    if row["subset"] is not None and verified is not None and verified < threshold - ROUNDED:
        yield f"{path}.verified_confidence", verified, f"at least the threshold {threshold}"
    yield from _beyond_the_budget(path, row, search)


def _beyond_the_budget(path: str, row: Document, search: Document) -> Differences:
    """A backward pass counts as two."""
    passes = row.get("passes") or {"forward": 0, "backward": 0}
    spent, most = passes["forward"] + 2 * passes["backward"], search.get("passes", 0)
    if has_budget(search) and most and spent > most:
        yield f"{path}.passes", spent, f"at most the budget {most}"
