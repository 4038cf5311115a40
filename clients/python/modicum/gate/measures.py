"""Rules of measures, readings and verdicts: what each says of a result document. The spot rule is in `spots`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modicum.gate.class_rules import EXCESS, NOT_COMPARED, is_uncompared
from modicum.gate.early_stop import Looks, looks_of
from modicum.gate.levels import UNDECIDED
from modicum.gate.missing_classes import missing_classes
from modicum.gate.named_classes import NamedClasses, classes_of
from modicum.gate.open_readings import unless_open
from modicum.gate.policy import Kind, Rule
from modicum.gate.reading_rules import INCONCLUSIVE
from modicum.gate.tails import ONE_SIDED, number_of, p_beyond, p_within
from modicum.gate.verdict import Check, Limits, class_words
from modicum.gate.version_pairs import PAIRED, beside, entries_of

Document = Mapping[str, Any]
BELOW_LEVEL = "the result decided this at a level below 90%, so it does not hold one-sided at 95%"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a measure is of, and the name of its class; both are empty for all classes together."""

    text: str = ""
    label: str = ""


def checks_of(rule: Rule, document: Document, model: Document, search: Document) -> Iterator[Check]:
    """Yield the checks of a rule of a measure or a reading, for one version under one search."""
    version = model["model_version"]
    if rule.known.kind is Kind.READING:
        yield _reading(rule, version, search, document)
        return
    if rule.known.part in PAIRED:
        yield from _of_pairs(rule, document, version, search)
        return
    if rule.known.name == EXCESS and is_uncompared(search["measures"]):
        yield Check(model_version=version, judgeable=False, reason=NOT_COMPARED)
        return
    measure = measure_in(rule, document, version, search)
    if measure is None:
        reason = f"the result has no measure {rule.known.name}; run what it needs"
        yield Check(model_version=version, judgeable=False, reason=reason)
        return
    if rule.max is None and rule.min is None:
        return  # the baseline alone decides
    classes, looks = classes_of(document, version), looks_of(document)
    for subject, one in _subjects(rule, measure, classes):
        yield _measured(rule, version, subject, one, looks)
    yield from _without_classes(rule, version, measure)
    yield from missing_classes(rule, document, version, search, measure)


def _without_classes(rule: Rule, version: str, measure: Document) -> Iterator[Check]:
    """Yield that a measure has no classes, where a rule asks for each of them: all images together prove no class."""
    if rule.classes == "all" and not measure.get("groups"):
        reason = f"the rule asks for each class, but the result has {rule.known.name} for all images together only"
        yield Check(model_version=version, judgeable=False, reason=f"{reason}; leave out `classes`, or write `pooled`")


def _of_pairs(rule: Rule, document: Document, version: str, search: Document) -> Iterator[Check]:
    """The checks of a version beside each other one that a part of the document pairs it with."""
    classes, looks = classes_of(document, version), looks_of(document)
    for measure, unequal in entries_of(rule, document, version, search):
        for subject, one in _subjects(rule, measure, classes):
            yield beside(_measured(rule, version, subject, one, looks), measure, unequal)
        yield from _without_classes(rule, version, measure)
        yield from missing_classes(rule, document, version, search, measure)


def measure_in(rule: Rule, document: Document, version: str, search: Document) -> Document | None:
    """Return the measure of a rule, with the same of each class as its `groups`; None if the document has none."""
    if not rule.known.part:
        found: Document | None = search["measures"].get(rule.known.name)
        return found
    entries = () if rule.known.part in PAIRED else document.get(rule.known.part, ())
    entry = next((one for one in entries if one["model_version"] == version), None)
    if entry is None or rule.known.name not in entry["measures"]:
        return None
    rows = entry.get("classes", ())
    groups = {str(row["class"]): row["measures"][rule.known.name] for row in rows if rule.known.name in row["measures"]}
    return {**entry["measures"][rule.known.name], "groups": groups}


def _subjects(rule: Rule, measure: Document, classes: NamedClasses) -> Iterator[tuple[Subject, Document | None]]:
    """The measure itself or those of its classes. Each index is judged by itself, also where names are equal."""
    groups = measure.get("groups", {})
    if isinstance(rule.classes, tuple):
        for name in rule.classes:
            found = classes.called(name, groups)
            yield from ((Subject(classes.subject(index), name), groups.get(index)) for index in found)
            if not found:
                yield Subject(name, name), None
        return
    yield Subject(), measure
    if rule.classes == "all":
        yield from ((Subject(classes.subject(index), classes.label(index)), one) for index, one in groups.items())


def _measured(rule: Rule, version: str, subject: Subject, measure: Document | None, looks: Looks) -> Check:
    about = Check(model_version=version, subject=subject.text, class_label=subject.label)
    if measure is None:
        return replace(about, judgeable=False, reason=f"the result has no {class_words(subject.text)}")
    number, limits = number_of(measure, looks), Limits(at_most=rule.max, at_least=rule.min)
    check = replace(
        about,
        value=number.value,
        unit=number.unit,
        n=number.n,
        low=number.low,
        high=number.high,
        level=None if number.low is None and number.high is None else number.level,
        limits=limits,
    )
    if number.value is None:
        return replace(check, judgeable=False, reason=f"not measured: {number.unavailable or 'no value'}")
    if UNDECIDED in measure:
        return replace(check, judgeable=False, reason=measure[UNDECIDED])
    both = {"at_most": limits.at_most, "at_least": limits.at_least}
    return replace(check, p=p_beyond(number, **both), passes=p_within(number, **both) <= ONE_SIDED)


def _reading(rule: Rule, version: str, search: Document, document: Document) -> Check:
    reading = next((one for one in search["readings"] if one["control"] == rule.known.name), None)
    if reading is None:
        reason = f"the result has no reading of the control {rule.known.name}; run that control"
        return Check(model_version=version, judgeable=False, reason=reason)
    if reading.get("outcomes"):
        return unless_open(rule, check_at_tails(rule, version, reading), document, search)
    check = outcome_check(rule, version, reading["outcome"], document, conclusion_of(reading))
    has_no_numbers = "outcomes" in reading and check.subject == INCONCLUSIVE
    return replace(check, judgeable=False, passes=False) if has_no_numbers else check


def check_at_tails(rule: Rule, version: str, reading: Document) -> Check:
    """Return the check of a reading whose outcome the document has at several one-sided tails.

    Each of its statements could have led to an outcome by chance, so p is the tail times their number.
    """
    tails = {known: [tail for tail, outcome in reading["outcomes"] if outcome == known] for known in _known(reading)}
    unexpected = [min(told) for outcome, told in tails.items() if outcome not in rule.expect]
    expected = [min(told) for outcome, told in tails.items() if outcome in rule.expect]
    statements = reading["statements"]
    return Check(
        model_version=version,
        subject=reading["outcome"],
        reason=conclusion_of(reading),
        p=min(1.0, statements * min(unexpected, default=1.0)),
        passes=statements * min(expected, default=1.0) <= ONE_SIDED,
    )


def conclusion_of(reading: Document) -> str:
    """Return what a reading concludes, without the figures that the result has beside it; all of an older reading."""
    said: str = reading.get("conclusion") or reading["text"]
    return said.removesuffix(".")


def _known(reading: Document) -> set[str]:
    """The outcomes that a reading has at some tail, without INCONCLUSIVE."""
    return {outcome for _, outcome in reading["outcomes"]} - {"INCONCLUSIVE"}


def outcome_check(rule: Rule, version: str, outcome: str, document: Document, text: str) -> Check:
    """Return the check of an outcome in words. It was decided at the result's level, so p is 1 less that level."""
    found = Check(model_version=version, subject=outcome, reason=text)
    if undecided := document["specification"]["statistics"].get(UNDECIDED):
        return replace(found, judgeable=False, reason=undecided)
    tail = (1 - document["specification"]["statistics"]["level"]) / 2
    if outcome in rule.expect:
        settled = outcome == "INCONCLUSIVE" or tail <= ONE_SIDED
        return replace(found, passes=settled, unsettled="" if settled else BELOW_LEVEL)
    if outcome == "INCONCLUSIVE":
        return replace(found, judgeable=False)
    return replace(found, p=1 - document["specification"]["statistics"]["level"])
