"""The transfer control: is a subset this model's quirk or the data's pattern? Other versions of the audit score it.

A version that sees an image differently from the finder will not recognise its subset either, which says nothing about
the subset. So each measure is given twice: over all scored subsets, and over the `agreed` ones, of images on which both
versions are confident, at the threshold, of the same class.

Rule of the reading, on the share of agreed subsets that keep their class. PATTERN: its lower end is above 0.5 with
every version that scored. QUIRK: its upper end is below 0.5 with every one. MIXED: each version gives one or the other,
or a class lies on the other side of 0.5 than all of them together: most subsets can be shared while those of one
class, which has a cue of its own, are not. A class needs ten such images, and its interval's error is divided by the
number of such classes and versions. Otherwise, or below n = 10, INCONCLUSIVE. Versions can share a pattern that is
wrong: they may have learned one shortcut. The rule is the client's (`gate/class_rules.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from modicum.gate.class_rules import transfer_outcome

from modicum_server.domain.classes import same_classes
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import Control, TargetRule
from modicum_server.measures.by_class import by_class
from modicum_server.measures.document_lists import Audited, DocumentList
from modicum_server.measures.intervals import SMALLEST_SAMPLE, share_interval
from modicum_server.measures.measure import Measure, Measured, Reading, concluded, quantile_measure, share
from modicum_server.measures.measure_sets import Title
from modicum_server.measures.number_words import enumeration, interval_text, share_text, short_name
from modicum_server.measures.observations import UNKNOWN, Booleans, Observations, Rescored
from modicum_server.measures.rescored import against_half

CONTROL = "transfer"
AGREED = "transfer_agreed"
NOTHING_SCORED = "no subset of this version was scored by the other one"
NONE_AGREED = "no subset was scored of an image on which both versions are confident of the same class"
MOST_NAMED = 3
"""Classes that a sentence names."""
OUTCOMES = ("PATTERN", "QUIRK", "MIXED", "INCONCLUSIVE")
"""Of the reading."""
OF_CLASSES = "the versions do not share the pattern of every class"
OTHER_CLASSES = "the two versions do not have the same classes"

Seen = Mapping[tuple[str, int], Observations]


@dataclass(frozen=True, slots=True)
class Transfer:
    """The subsets of `source` under one search, as `scorer` scored them."""

    source: str
    scorer: str
    search_index: int
    measures: Measured

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        measures = {name: measure.as_json() for name, measure in self.measures.items()}
        return {
            "source": self.source,
            "scorer": self.scorer,
            "search_index": self.search_index,
            "measures": measures,
        }


def transfer_all(audited: Audited) -> list[Transfer]:
    """Return the matrix of every search that is not matched, in the specification's order. None unless requested."""
    if not any(plan.control is Control.TRANSFER for plan in audited.specification.controls):
        return []
    return [
        Transfer(source.name, scorer.name, index, transfer(source, scorer, audited.seen, index))
        for index, search in enumerate(audited.specification.searches)
        if not search.matched
        for source in audited.versions
        for scorer in audited.versions
        if source.name != scorer.name
    ]


def transfer(source: ModelVersion, scorer: ModelVersion, seen: Seen, index: int) -> Measured:
    """Return `transfer_class_kept_share`, `_sufficient_share` and `_confidence_median`, and those of `transfer_agreed`.

    All are about the class that the source's search argued for.
    """
    classes = same_classes(source, scorer)
    ours, theirs = seen[source.name, index], seen[scorer.name, index]
    results = ours.transfers.get(scorer.name)
    if classes is None or results is None:
        empty = OTHER_CLASSES if classes is None else NOTHING_SCORED
        return {**_unavailable(CONTROL, empty), **_unavailable(AGREED, empty)}
    parameters = {"threshold": ours.search.threshold, "unscored": results.unscored}
    scored, kept = results.scored, results.scored.predicted == ours.target
    agreed = scored.ran & _agreed(ours, theirs, classes)
    measures = partial(_measures, scored, kept, of=ours, parameters=parameters)
    return {
        **measures(CONTROL, scored.ran, empty=NOTHING_SCORED),
        **measures(AGREED, agreed, empty=NONE_AGREED),
    }


def kept_shares(transfers: Sequence[Transfer], version: str, index: int) -> Measured:
    """Return the shares of agreed subsets of a version that keep their class, by the version that scored them."""
    return {
        pair.scorer: pair.measures[f"{AGREED}_class_kept_share"]
        for pair in transfers
        if (pair.source, pair.search_index) == (version, index)
    }


def transfer_reading(kept: Measured) -> Reading | None:
    """Return the sentence about one version's subsets from its `kept_shares`, None if no other version scored any."""
    known = {name: measure for name, measure in kept.items() if measure.value is not None}
    if not known:
        return None
    first, *others = (_share_with(name, measure) for name, measure in known.items())
    exceptions = _exceptions(known)
    outcome = transfer_outcome([one.as_json() for one in kept.values()])  # who cannot be compared settles nothing
    fact = f"Of images on which both versions are confident of the same class, the subset keeps that class {first}"
    unknown = [short_name(name) for name in sorted(kept.keys() - known.keys())]
    more = [
        *(f"It does so {other}" for other in others),
        *([f"There are no such images with {enumeration(unknown)}"] if unknown else []),
        *_exceptions_text(exceptions),
    ]
    conclusion = (
        OF_CLASSES if exceptions and outcome == "MIXED" else _conclusion(outcome, max(one.n for one in known.values()))
    )
    return concluded(CONTROL, fact, conclusion, outcome, statements=len(kept) + 1, more=more)


def reading_of(audited: Audited, transfers: Sequence[Transfer], version: str, index: int) -> Reading | None:
    """Return the sentence about one version's subsets under one search.

    None for a search for a random other class: that such a subset keeps its class does not show what the versions
    share.
    """
    if audited.specification.searches[index].target_rule is not TargetRule.PREDICTED:
        return None
    return transfer_reading(kept_shares(transfers, version, index))


def _agreed(ours: Observations, theirs: Observations, classes: Sequence[int]) -> Booleans:
    """Where both versions are confident of the same class, in the order of the first."""
    predicted = {
        int(position): int(theirs.predicted[place])
        for place, position in enumerate(theirs.position)
        if theirs.eligible[place]
    }
    both = [
        eligible and mine != UNKNOWN and predicted.get(int(position)) == classes[mine]
        for position, mine, eligible in zip(ours.position, ours.predicted, ours.eligible, strict=True)
    ]
    return np.array(both, dtype=np.bool_)


def _measures(
    scored: Rescored,
    kept: Booleans,
    name: str,
    where: Booleans,
    *,
    of: Observations,
    parameters: Mapping[str, Any],
    empty: str,
) -> Measured:
    level = of.level
    share_of = partial(share, empty=empty, level=level, parameters=parameters)
    return {
        f"{name}_class_kept_share": _named(by_class(lambda one: share_of(kept[one]), where, of.target), of),
        f"{name}_sufficient_share": share_of(scored.sufficient[where]),
        f"{name}_confidence_median": quantile_measure(
            scored.confidence[where], 0.5, unit="confidence", empty=empty, level=level, parameters=parameters
        ),
    }


def _named(measure: Measure, of: Observations) -> Measure:
    """The measure, its groups with the label of their class."""
    groups = {
        index: replace(group, parameters={**group.parameters, "label": of.class_name(int(index))})
        for index, group in measure.groups.items()
    }
    return replace(measure, groups=groups)


def _unavailable(name: str, reason: str) -> Measured:
    return {
        f"{name}_class_kept_share": Measure(None, "share", 0, unavailable=reason),
        f"{name}_sufficient_share": Measure(None, "share", 0, unavailable=reason),
        f"{name}_confidence_median": Measure(None, "confidence", 0, unavailable=reason),
    }


def _exceptions(known: Mapping[str, Measure]) -> list[str]:
    """The classes that lie on the other side of the limit than all classes with a version together, in words."""
    classes = [
        (scorer, measure, group)
        for scorer, measure in known.items()
        for group in measure.groups.values()
        if group.interval is not None
    ]
    return [
        f"{group.parameters['label']} with {short_name(scorer)} for {share_text(group.value or 0.0)} of {group.n}"
        f"{interval_text(group.interval)}"
        for scorer, measure, group in classes
        if against_half(measure) * against_half(_among(group, len(classes))) < 0
    ]


def _exceptions_text(exceptions: Sequence[str]) -> list[str]:
    more = len(exceptions) - MOST_NAMED
    said = [f"By class it differs: it keeps {one}" for one in exceptions[:1]]
    said += [f"It keeps {one}" for one in exceptions[1:MOST_NAMED]]
    return [*said, f"It differs {more} times more"] if more > 0 else said


def _among(group: Measure, count: int) -> Measure:
    """The share of one class with the interval that it has among so many."""
    assert group.interval is not None
    level = 1 - (1 - group.interval.level) / count
    return replace(group, interval=share_interval(group.parameters["successes"], group.n, level))


def _share_with(scorer: str, kept: Measure) -> str:
    assert kept.value is not None, "only known shares are shown"
    return f"with {short_name(scorer)} for {share_text(kept.value)} of {kept.n}{interval_text(kept.interval)}"


def _conclusion(outcome: str, n: int) -> str:
    if outcome == "PATTERN":
        return "the other versions see the class in most of the same subsets, so they share these patterns"
    if outcome == "QUIRK":
        return "the other versions do not see the class in most of these subsets, so they do not share these patterns"
    if outcome == "MIXED":
        return "some other versions see the class in most of these subsets, and others do not"
    if n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} such images, so no verdict"
    return "these images do not settle whether the other versions share these patterns"


DOCUMENT_LIST = DocumentList(
    "transfer",
    transfer_all,
    {
        f"{name}_{measure}": Title(f"{title}{scope}")
        for name, scope in (
            (AGREED, ", both versions confident of one class on the image"),
            (CONTROL, ", all subsets scored"),
        )
        for measure, title in (
            ("class_kept_share", "Subsets that keep their class with another version"),
            ("sufficient_share", "Subsets that suffice with another version"),
            ("confidence_median", "Confidence of another version in the subset, median"),
        )
    },
    reading_of,
)
