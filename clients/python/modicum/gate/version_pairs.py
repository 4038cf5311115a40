"""Rules of measures of two versions of one audit: a check of a version beside each other one. Must not read baselines.

A ratio of subset fractions is not judged where the two were searched with other mean fills, or where their numbers of
eligible images differ: the scale of logits alone changes sizes, and what did it is not known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modicum.gate.one_version import OTHERS
from modicum.gate.paired import is_softer
from modicum.gate.policy import Rule
from modicum.gate.searched import asked_searches
from modicum.gate.verdict import Check
from modicum.resource_names import short_version

Document = Mapping[str, Any]
#: By the parts of a document whose entries are about two versions, the keys of the first and of the second.
PAIRED = {"transfer": ("source", "scorer"), "comparisons": ("first", "second")}
RATIO = "subset_fraction_ratio"


def entries_of(rule: Rule, document: Document, version: str, search: Document) -> Iterator[tuple[Document, str]]:
    """Yield the measure of a rule of a version beside each other one under a search, and why it may not be judged.

    A version that is only ever the second of a pair has none.
    """
    first, second = PAIRED[rule.known.part]
    asked = asked_searches(document)
    for entry in document.get(rule.known.part, ()):
        measure = entry["measures"].get(rule.known.name)
        if entry[first] == version and asked[entry["search_index"]] == search["search"] and measure is not None:
            told = {**measure, "beside": short_version(entry[second])}
            yield told, _unequal(entry, document, search) if rule.known.name == RATIO else ""


def _unequal(entry: Document, document: Document, search: Document) -> str:
    """Why sizes of the two versions of an entry do not compare; empty if they do."""
    if entry["note"]:
        return str(entry["note"])
    one, other = (_eligible(document, entry[key], search) for key in PAIRED["comparisons"])
    if is_softer(one, other) or is_softer(other, one):
        return f"{one} and {other} images are eligible: the scale of logits alone changes sizes"
    return ""


def _eligible(document: Document, version: str, search: Document) -> int:
    models = (*document["models"], *document.get(OTHERS, ()))
    model = next(one for one in models if one["model_version"] == version)
    counts = next(one["counts"] for one in model["searches"] if one["search"] == search["search"])
    return int(counts["eligible"])


def beside(check: Check, measure: Document, unequal: str) -> Check:
    """Return the check of a pair's measure: which version it is beside, and unjudged where the two are unequal."""
    named = replace(check, subject=f"{check.subject} with {measure['beside']}".strip())
    return replace(named, judgeable=False, passes=False, reason=unequal) if unequal else named
