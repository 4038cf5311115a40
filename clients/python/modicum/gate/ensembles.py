"""The rule `mitigation`: the verdicts on ensembles, from the measures that stand beside them.

`modicum_server.measures.mitigation_rule` defines them. NOT_MITIGATED says one thing, that the ratio lies below its
limit, and has the p of that. MITIGATED says several things that must all hold, so its p is the largest of theirs.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from modicum.gate.differing import Differences, differing, differing_fields
from modicum.gate.early_stop import is_whole
from modicum.gate.levels import UNDECIDED
from modicum.gate.one_version import OTHERS
from modicum.gate.open_readings import TOO_FEW
from modicum.gate.paired import MOST_APART
from modicum.gate.policy import Rule
from modicum.gate.reading_rules import INCONCLUSIVE, stated
from modicum.gate.tails import ONE_SIDED, bonferroni, number_of, p_above, p_below
from modicum.gate.verdict import Check

Document = Mapping[str, Any]
POf = Callable[[Document, float], float]
"""P of a statement about a measure and a limit."""
JUDGED_BY = ("measures", "limits", "matched_eligibility")
"""Keys of a verdict that its rule looks at; those of older results may lack some."""
WHOLE_SINCE = 5
"""Version of the result from which on each verdict has all of them."""
LEAST_IMAGES = 30
"""A verdict that settles something is about so many images, at least."""
MITIGATED, NOT_MITIGATED = "MITIGATED", "NOT_MITIGATED"
RATIO, MATCHED = "subset_fraction_ratio", "matched_subset_fraction_ratio"
ACCURACIES = ("accuracy_difference", "ood_accuracy_difference")
"""Of the audited images, and of an out-of-distribution data set where there is one."""


def beside_their_members(document: Document) -> list[str]:
    """Return the ensembles whose members were all audited beside them. Results before version 5 name no members."""
    audited = {model["model_version"] for model in (*document["models"], *document.get(OTHERS, ()))}
    return [
        model["model_version"]
        for model in document["models"]
        if model.get("members") and audited.issuperset(model["members"])
    ]


def can_be_judged(entry: Document) -> bool:
    """Return whether a verdict on an ensemble has what its rule looks at; those of older results may not."""
    return entry.keys() >= set(JUDGED_BY)


def ensemble_check(rule: Rule, entry: Document) -> Check:
    """Return the check of the verdict on an ensemble.

    It passes where the result's own verdict is expected, and holds one-sided at 5%. An expected one that is open
    passes where nothing speaks for another verdict at 5%, and there are as many images as the limits ask.
    """
    verdict, p = entry["verdict"], p_values(entry)
    unexpected = bonferroni([one for outcome, one in p.items() if outcome not in rule.expect])
    is_open = verdict == INCONCLUSIVE and verdict in rule.expect
    undecided = next((one[UNDECIDED] for one in _looked_at(entry) if UNDECIDED in one), "")
    lacks = undecided or (_too_few(entry) if is_open else "")
    return Check(
        model_version=entry["ensemble"],
        subject=verdict,
        reason=undecided or "; ".join(filter(None, (*entry.get("reasons", ()), lacks))),
        p=unexpected,
        passes=unexpected > ONE_SIDED if is_open else verdict in rule.expect and p[verdict] <= ONE_SIDED,
        judgeable=not lacks,
    )


def _too_few(entry: Document) -> str:
    """Return that what decides is of fewer images than the limits ask; empty where it is not."""
    n, least = min(one["n"] for one in _looked_at(entry)), entry["limits"]["images"]
    return TOO_FEW.format(n=n, least=least) if n < least else ""


def p_values(entry: Document) -> dict[str, float]:
    """Return p of the hypothesis that a verdict does not hold, for both verdicts that settle something."""
    return _of_statements(
        entry,
        above=lambda one, limit: p_above(number_of(one), limit),
        below=lambda one, limit: p_below(number_of(one), limit),
    )


def ensembles_differing(document: Document) -> Differences:
    """Yield verdicts on ensembles that are not what the intervals beside them say."""
    for at, entry in enumerate(document.get("mitigation", ())):
        if document["schema_version"] >= WHOLE_SINCE:
            yield from _missing(f"mitigation[{at}]", entry, document)
        if can_be_judged(entry):
            yield from differing_fields(f"mitigation[{at}].limits", entry["limits"], _limits(document))
            yield from differing(f"mitigation[{at}].verdict", entry["verdict"], stated_verdict(entry))


def _missing(path: str, entry: Document, document: Document) -> Differences:
    """What a verdict must have, so that all of its rule is looked at."""
    for key in ("members", *JUDGED_BY):
        if key not in entry:
            yield f"{path}.{key}", "missing", "one"
    members = entry.get("members", [])
    for model in (*document["models"], *document.get(OTHERS, ())):
        if model["model_version"] == entry["ensemble"] and "members" in model:
            yield from differing(f"{path}.members", members, model["members"])
    measures, counted = entry.get("measures", {}), entry.get("matched_eligibility", {})
    asked = is_whole(document) and document["specification"].get("out_of_distribution_dataset")
    if asked and ACCURACIES[1] not in measures:
        yield f"{path}.measures.{ACCURACIES[1]}", "missing", "one"
    if measures.get(MATCHED, {"value": None})["value"] is not None:
        for member in members:
            if member not in counted:
                yield f"{path}.matched_eligibility.{member}", "missing", "one"


def _limits(document: Document) -> dict[str, Any]:
    """The limits of a verdict; those that may be chosen stand in the specification, too."""
    statistics = document["specification"]["statistics"]
    chosen = {"ratio": "ratio_limit", "accuracy_difference": "accuracy_limit"}
    asked = {name: statistics[key] for name, key in chosen.items() if key in statistics}
    return {**asked, "images": LEAST_IMAGES}


def stated_verdict(entry: Document) -> str:
    """Return the verdict on an ensemble by the intervals beside it."""
    p = _of_statements(entry, above=partial(_unless_beyond, end=0), below=partial(_unless_beyond, end=1))
    return next((verdict for verdict, one in p.items() if not one), INCONCLUSIVE)


def _unless_beyond(measure: Document, limit: float, *, end: int) -> float:
    """0 where the lower end (0) of the interval lies above the limit, or the upper end (1) below it; else 1."""
    ends = stated(measure)
    known = None if ends is None else ends[end]
    return 1.0 if known is None or (known >= limit if end else known <= limit) else 0.0


def _of_statements(entry: Document, *, above: POf, below: POf) -> dict[str, float]:
    """P of both verdicts, from those of the statements that lead to them."""
    ratio, matched, *accuracies = _looked_at(entry)
    limits = entry["limits"]
    if ratio["n"] < limits["images"] or accuracies[0]["value"] is None:
        return {NOT_MITIGATED: 1.0, MITIGATED: 1.0}
    said = [
        *(above(one, limits["ratio"]) for one in (ratio, matched)),
        *(above(one, limits["accuracy_difference"]) for one in accuracies),
    ]
    enough = all(one["value"] is not None and one["n"] >= limits["images"] for one in (matched, *accuracies))
    alike = all(abs(one["member"] - one["ensemble"]) <= MOST_APART for one in entry["matched_eligibility"].values())
    return {NOT_MITIGATED: below(ratio, limits["ratio"]), MITIGATED: max(said) if enough and alike else 1.0}


def _looked_at(entry: Document) -> list[Document]:
    """The ratio, the one at matched temperatures, and the differences in accuracy that there are."""
    measures = entry["measures"]
    return [measures[RATIO], measures[MATCHED], *(measures[name] for name in ACCURACIES if name in measures)]
