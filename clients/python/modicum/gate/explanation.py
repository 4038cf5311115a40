"""A policy in words: what each rule does, when it fails and passes, and what it needs. Judges nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.asked_audit import searches_of, usual_search
from modicum.gate.counting import counted
from modicum.gate.policy import Inconclusive, Kind, Level, Policy, Rule

ONE_SIDED = "95%"
CANNOT_TELL = (
    "cannot tell the object from a cue; it fails where the object itself is a small spot, unless `accept` lists the "
    "place"
)
BY_CLASS = (
    "for each class, max and min are about the images that are predicted as the class, and max_regression is about "
    "the images that have it as their label"
)
INCONCLUSIVE_WORDS = {
    Inconclusive.FAIL: "ends with exit code 4",
    Inconclusive.WARN: "ends with exit code 0 and a warning",
    Inconclusive.ALLOW: "ends with exit code 0 and a note",
}


def explained(policy: Policy) -> Iterator[str]:
    """Yield the policy in words, line by line."""
    errors = sum(rule.level is Level.ERROR for rule in policy.rules)
    warnings = len(policy.rules) - errors
    yield f"{policy.file}: preset {policy.preset}, {counted(errors, 'rule')} of level error, {warnings} of level warn."
    yield (
        f"A model with nothing wrong fails with a chance of at most {policy.error_budget:g} over all rules of level "
        f"error together. It passes if every such rule is within its limit, one-sided at {ONE_SIDED}. "
        f"Anything else is inconclusive and {INCONCLUSIVE_WORDS[policy.inconclusive]}."
    )
    yield from _audit(policy.audit)
    if policy.require:
        floors = ", ".join(f"{name.replace('_', ' ')} {least}" for name, least in policy.require.items())
        yield f"Evidence below these floors is inconclusive: {floors}."
    if policy.least_passes > policy.require.get("passes", 0):
        yield f"An audit with fewer than the {policy.least_passes} passes that `audit` asks for is inconclusive."
    for rule in policy.rules:
        yield ""
        yield from _rule(rule)
    yield from _exceptions(policy)


def _audit(audit: Mapping[str, Any]) -> Iterator[str]:
    """What is measured, and the numbers of the searches where there are several."""
    if not audit:
        return
    told = f"The audit: {', '.join(_setting(key, value) for key, value in audit.items())}."
    searches = searches_of(audit)
    if len(searches) == 1:
        yield told
        return
    listed = [key for key, value in audit.items() if isinstance(value, list)]
    each = (", ".join(f"{key} {one[key]}" for key in one if key in listed) for one in searches)
    numbered = "; ".join(f"{at}: {words}" for at, words in enumerate(each))
    usual = f" A rule without `search` is about search {usual_search(audit)}."
    yield f"{told} Its {len(searches)} searches: {numbered}.{usual}"


def _setting(key: str, value: Any) -> str:
    """A key and its value, a list in words and what is true or false as the file has it."""
    if value == []:
        return f"no {key}"
    values = value if isinstance(value, list) else [value]
    return f"{key} {' and '.join(str(one).lower() if isinstance(one, bool) else str(one) for one in values)}"


def requirement(rule: Rule) -> str:
    """Return what passes, as the end of a sentence."""
    parts = []
    if rule.known.is_spot:
        return f"no small spot that decides, in {_rows(rule)}"
    if rule.known.kind in {Kind.READING, Kind.VERDICT}:
        return f"the outcome {' or '.join(rule.expect)}"
    if rule.max is not None:
        parts.append(f"at most {rule.max:g}")
    if rule.min is not None:
        parts.append(f"at least {rule.min:g}")
    if rule.max_regression is not None:
        parts.append(f"at most {rule.max_regression:g} lost against the baseline, on the same images")
    if rule.min_ratio_to_baseline is not None:
        parts.append(f"a ratio to the baseline of at least {rule.min_ratio_to_baseline:g}, on the same images")
    return " and ".join(parts)


def _rows(rule: Rule) -> str:
    """Describe the rows of the spot test that a rule judges. Only a rule on all classes asks for a number of images."""
    if rule.classes == "pooled":
        return "the row of all classes together"
    if isinstance(rule.classes, tuple):
        return f"the rows of {', '.join(rule.classes)}"
    each = "a row of each class, and " if rule.classes == "all" else ""
    return f"{each}rows that hold at least {rule.min_assessed:.0%} of the images"


def _rule(rule: Rule) -> Iterator[str]:
    origin = "preset" if rule.mark is None else f"line {rule.mark.line}"
    yield f"{rule.id} ({rule.level}, {origin}): {rule.known.title}"
    yield f"  passes with {requirement(rule)}"
    if rule.known.is_spot:
        yield f"  {CANNOT_TELL}"
    if rule.known.outcomes:
        yield f"  can end as {', '.join(rule.known.outcomes)}"
    yield f"  needs {_needs(rule)}"
    scope = _scope(rule)
    if scope:
        yield f"  judges only {scope}"
    if rule.id == "accuracy" and rule.classes not in {None, "pooled"}:
        yield f"  {BY_CLASS}"


def _needs(rule: Rule) -> str:
    if rule.known.is_spot:
        return "the control spot, on about 100 images or more of at least two predicted classes"
    if rule.known.is_review:
        return "a blind review of the audit in which a person answered every picture; judge the audit by its name"
    if rule.id == "counterfactual":
        return "a counterfactual data set"
    if rule.known.kind is Kind.READING:
        return f"the control {rule.known.name}"
    if rule.known.kind is Kind.VERDICT:
        return f"a result with {rule.known.name}"
    if rule.known.kind is Kind.BASELINE:
        return "a baseline of the same images, searched in the same way"
    what = f"the measure {rule.known.name}, as a share with its counts or with an interval"
    return f"{what}, and a baseline on the same images" if rule.needs_baseline else what


def _scope(rule: Rule) -> str:
    parts = []
    if isinstance(rule.classes, tuple):
        parts.append(f"the classes {', '.join(rule.classes)}")
    elif rule.classes is not None:
        parts.append("all classes together" if rule.classes == "pooled" else "each class and all together")
    if rule.search is not None:
        parts.append(f"search {rule.search}")
    if rule.dataset is not None:
        parts.append(f"the data set {rule.dataset}")
    return ", ".join(parts)


def _exceptions(policy: Policy) -> Iterator[str]:
    if policy.accept or policy.waivers:
        yield ""
    for one in policy.accept:
        yield f"Accepted by {one.owner}, for {one.class_label}: {one.place.words} ({one.reason})."
    for waiver in policy.waivers:
        of = f" for {waiver.class_label}" if waiver.class_label else ""
        yield f"Waived by {waiver.owner} until {waiver.expires}: {waiver.rule}{of} ({waiver.reason})."
