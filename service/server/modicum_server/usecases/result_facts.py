"""What pages need of result documents: sentences, and figures with what they depend on.

A document never changes, so what was read of it is kept for a while.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from modicum.gate.outcomes import badness, headline_of, shown_outcomes, spot_outcome, spot_rows, worst
from modicum.gate.searched import search_index_of

from modicum_server.domain.audits import AuditOutcome
from modicum_server.domain.searches import TargetRule
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound
from modicum_server.measures.number_words import threshold_text
from modicum_server.ports import ArtifactStore
from modicum_server.usecases.stored_results import read_document

MOST_KEPT = 1_000
MOST_FAILURES = 200
READS_AT_ONCE = 4
"""Documents that are read at once, because one may take megabytes."""
DIGITS_SHOWN = 8
"""Of a digest, to tell two data sets of one name apart."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure of a version: its value and interval (None where it has none), over `n` of something.

    `about` is the class that it is of, where it is of one alone.
    """

    title: str
    is_headline: bool
    value: float | None
    low: float | None
    high: float | None
    level: float | None
    n: int
    unit: str
    unavailable: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that figures depend on beside the model: in words, and by what two of them are compared."""

    words: str = field(compare=False)
    compared: str


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What a result says of a version: sentences, the most important first, and the figures of one search.

    That is the first search for the predicted class; the strongest spot of its spot test has figures, too.
    Two figures compare if their `conditions` are equal. `failures` are the items that gave no result, each with its
    reason: one more than MOST_FAILURES at most, so that whoever shows these knows whether there are others. `spots` is
    the outcome of its spot test; empty where none ran. `outcomes` are those of the controls that decide, by control.
    `mitigation` is the verdict of the first check of the version as an ensemble; empty for other versions.
    `eligible_images` are those of that search; 0 without one.
    """

    sentences: Sequence[str] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    spots: str = ""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    mitigation: str = ""
    eligible_images: int = 0

    @property
    def outcome(self) -> str:
        """The worst outcome; empty where no control that decides ran."""
        return worst(self.outcomes.values())

    @property
    def headline(self) -> str:
        """The beginning of a sentence about the test with the worst outcome, before its figures."""
        return headline_of(self.outcomes, self.sentences)


Facts = Mapping[str, VersionFacts]
"""By the name of the version."""


def mitigation_of(facts: Facts) -> str:
    """Return the verdict of the first check of an ensemble; empty where none was made."""
    return next((one.mitigation for one in facts.values() if one.mitigation), "")


def differing(one: Mapping[str, Condition], other: Mapping[str, Condition]) -> list[tuple[str, str, str]]:
    """Return the conditions in which two figures differ: the name, and what each has ("none" where it has none)."""
    missing = Condition("none", "")
    pairs = ((name, one.get(name, missing), other.get(name, missing)) for name in dict.fromkeys([*one, *other]))
    return [(name, mine.words, theirs.words) for name, mine, theirs in pairs if mine != theirs]


OnCorrupt = Callable[[ArtifactCorrupt], object]


def _nothing(_error: ArtifactCorrupt) -> None:
    """Tell nobody."""


class ResultFacts:
    """Reads the facts of documents. Who may see a document is decided before."""

    def __init__(
        self, artifacts: ArtifactStore, *, most_kept: int = MOST_KEPT, on_corrupt: OnCorrupt = _nothing
    ) -> None:
        """Take the store. `on_corrupt` is told of a damaged document: a page goes on without it, an alert is needed."""
        self._artifacts = artifacts
        self._on_corrupt = on_corrupt
        self._most_kept = most_kept
        self._kept: OrderedDict[str, Facts] = OrderedDict()
        self._reads = asyncio.Semaphore(READS_AT_ONCE)

    async def of(self, digest: str) -> Facts:
        """Return the facts of a document; none of one that is gone or damaged, and none without a digest."""
        if not digest:
            return {}
        found = self._kept.get(digest)
        if found is None:
            async with self._reads:
                found = self._kept.get(digest) or await self._read(digest)
        if not found:
            return found  # it may be stored again
        self._kept[digest] = found
        self._kept.move_to_end(digest)
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)
        return found

    async def _read(self, digest: str) -> Facts:
        try:
            document = await read_document(self._artifacts, digest)
        except ArtifactNotFound:
            return {}
        except ArtifactCorrupt as error:
            self._on_corrupt(error)
            return {}
        return facts_in(document)


def facts_in(document: Mapping[str, Any]) -> Facts:
    """Return what a result document says."""
    return {model["model_version"]: _facts(model, document) for model in document.get("models", ())}


def outcome_in(document: Mapping[str, Any]) -> AuditOutcome:
    """Return what a result document says of the version with the worst outcome."""
    return outcome_of(facts_in(document))


def outcome_of(facts: Facts) -> AuditOutcome:
    """Return what is said of the version with the worst outcome, the first of several; empty texts of no version."""
    version = min(facts, key=lambda name: badness(facts[name].outcome), default="")
    told = facts.get(version, VersionFacts())
    return AuditOutcome(version, told.outcome, told.headline, told.spots, mitigation_of(facts))


def _facts(model: Mapping[str, Any], document: Mapping[str, Any]) -> VersionFacts:
    version, sentences = model["model_version"], tuple(model.get("summary", ()))
    told = VersionFacts(
        sentences,
        failures=_failures(version, document),
        spots=_spots(version, document),
        outcomes=_outcomes(model, document),
        mitigation=_mitigation(version, document),
    )
    searches = [one for one in model.get("searches", ()) if _is_for_the_prediction(one.get("search", {}))]
    if not searches:
        return told
    search = search_index_of(document, searches[0]["search"])
    measured = {**searches[0]["measures"], **_spot_measures(version, search, document)}
    figures = {name: _figure(name, one) for name, one in measured.items()}
    conditions = _conditions(searches[0]["search"], document)
    eligible = searches[0].get("counts", {}).get("eligible", 0)
    return replace(told, figures=figures, conditions=conditions, eligible_images=eligible)


def _outcomes(model: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, str]:
    first: Mapping[str, Any] = next(iter(model.get("searches", ())), {})
    found = {reading["control"]: reading.get("outcome", "") for reading in first.get("readings", ())}
    return shown_outcomes(found, spot_rows(document, model["model_version"]))


def _failures(version: str, document: Mapping[str, Any]) -> Mapping[str, str]:
    rows = (row for row in document.get("failures", ()) if row["model_version"] == version)
    return {row["item"]: row["reason"] for row in islice(rows, MOST_FAILURES + 1)}


def _spots(version: str, document: Mapping[str, Any]) -> str:
    """Return the outcome of the spot test of a version; empty where it has none, or where no row could be tested."""
    own = (test for test in document.get("spots", ()) if test["model_version"] == version)
    outcome = next((test["outcome"] for test in own if any(row["reason"] is None for row in test["rows"])), "")
    return spot_outcome(outcome, spot_rows(document, version))


def _spot_measures(version: str, search_index: int, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the measures of the strongest spot that was tested beside a search; none where no test ran there."""
    own = (test for test in document.get("spots", ()) if test["model_version"] == version)
    return next((test["measures"] for test in own if test.get("search_index", 0) == search_index), {})


def _mitigation(version: str, document: Mapping[str, Any]) -> str:
    return next((check["verdict"] for check in document.get("mitigation", ()) if check["ensemble"] == version), "")


def _is_for_the_prediction(search: Mapping[str, Any]) -> bool:
    return search.get("target_rule") == TargetRule.PREDICTED and not search.get("matched", False)


def _figure(name: str, measure: Mapping[str, Any]) -> Figure:
    interval = measure.get("interval") or {}
    return Figure(
        title=measure.get("title", name),
        is_headline=measure.get("place") == "headline",
        value=measure.get("value"),
        low=interval.get("low"),
        high=interval.get("high"),
        level=interval.get("level"),
        n=measure.get("n", 0),
        unit=measure.get("unit", ""),
        unavailable=measure.get("unavailable") or "",
        about=measure.get("parameters", {}).get("label", ""),
    )


def _conditions(search: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Condition]:
    """What figures depend on beside the model, by its name for people."""
    specification = document["specification"]
    canvas = specification["canvas"]
    steps = {name: f"{search[name]:g}" for name in ("passes", "pixels_per_step", "fraction") if search.get(name)}
    texts = {
        "canvas": f"{canvas['height']}x{canvas['width']}x{canvas['channels']}",
        "method": search["method"],
        "threshold": threshold_text(search["threshold"]),
        "fill": search["fill"],
        **{name.replace("_", " "): value for name, value in steps.items()},
        "alpha": f"{specification.get('statistics', {}).get('alpha', DEFAULTS.alpha):g}",
    }
    return {"data set": _dataset(document), **{name: Condition(text, text) for name, text in texts.items()}}


def _dataset(document: Mapping[str, Any]) -> Condition:
    """The data set, compared by its content: under one name there may be another after the first was deleted."""
    name = document["specification"]["dataset"].rsplit("/", 1)[-1]
    digest = document["parameters"]["manifest_digest"]
    return Condition(f"{name} ({digest[:DIGITS_SHOWN]})", digest)
