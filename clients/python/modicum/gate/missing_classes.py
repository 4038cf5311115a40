"""Classes that a rule with `classes: all` asks for and that a measure says nothing of. Judges no number.

A class that is never predicted has no group in a measure, so nothing is beyond a limit there. That must not pass.
If every row has a label, the labels of the rows must be there. A result without rows, or with an image without a label,
does not tell which classes its data set has. Then all classes of the version must be there.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

from modicum.gate.class_rules import MOST_CLASSES
from modicum.gate.named_classes import NamedClasses, classes_of
from modicum.gate.policy import Kind, Policy, Rule
from modicum.gate.verdict import Check, class_words

Document = Mapping[str, Any]
MOST_NAMED = 10
"""Classes with a check of their own. Of more, one check counts all and names so many."""
NAME_THEM = "if the data set has no picture of it, name the classes that it has under `classes`"


def missing_classes(
    rule: Rule, document: Document, version: str, search: Document, measure: Document
) -> Iterator[Check]:
    """Yield an inconclusive check for each class that must be judged and that the measure has no group of."""
    if rule.classes != "all" or not measure.get("groups"):
        return
    if len(measure["groups"]) >= MOST_CLASSES:
        yield from _unlisted(document, version, measure)
        return
    yield from checks_of_missing(
        document, version, set(measure["groups"]), rule.known.name, partial(_why, rule, search)
    )


def checks_of_missing(
    document: Document, version: str, has: Collection[str], called: str, why: Callable[[str, NamedClasses], str]
) -> Iterator[Check]:
    """Yield an inconclusive check for each class that must be judged and is not among those that the result `has`.

    Args:
        document: the result.
        version: the version whose classes are judged.
        has: indexes of classes that there is something of.
        called: what there is of each class.
        why: says of an index why it is missing.
    """
    classes, told = classes_of(document, version), classes_of_the_images(document, version)
    if not told and _names_no_class(document, version):
        unknown = "neither the version nor its images name all classes"
        yield Check(model_version=version, judgeable=False, reason=f"{unknown}; name the classes under `classes`")
        return
    missing = sorted((told or set(classes.names)).difference(has), key=int)
    hint = "" if told else f"; {NAME_THEM}"
    if len(missing) > MOST_NAMED:
        named = ", ".join(classes.subject(index) for index in missing[:MOST_NAMED])
        all_of_them = f"the result has no {called} of {named} and {len(missing) - MOST_NAMED:,} more classes{hint}"
        yield Check(model_version=version, subject=f"{len(missing):,} classes", judgeable=False, reason=all_of_them)
        return
    for index in missing:
        yield Check(
            model_version=version,
            subject=classes.subject(index),
            class_label=classes.label(index),
            judgeable=False,
            reason=why(index, classes) + hint,
        )


def needs_labels(policy: Policy) -> bool:
    """Return whether a rule asks for each class, so that the labels of the rows tell which classes these are."""
    return any(rule.classes == "all" and _is_by_class(rule) for rule in policy.rules)


def _is_by_class(rule: Rule) -> bool:
    return rule.known.kind is Kind.MEASURE or rule.known.is_spot


def classes_of_the_images(document: Document, version: str) -> set[str]:
    """Return the indexes of the labels that a version's images have; none where the result does not tell them all."""
    labels = {row.get("label") for row in document.get("rows", ()) if row["model_version"] == version}
    return set() if None in labels else {str(label) for label in labels}


def _names_no_class(document: Document, version: str) -> bool:
    """Whether a version has no names of classes. Older documents do not tell."""
    return any(model["model_version"] == version and model.get("class_labels") == [] for model in document["models"])


def _unlisted(document: Document, version: str, measure: Document) -> Iterator[Check]:
    """The check of the classes that a result leaves out, because it lists so many and no more."""
    if len(classes_of(document, version).names) > len(measure["groups"]) or "classes_left_out" in measure["parameters"]:
        why = f"the result lists {MOST_CLASSES:,} classes, those with the most images, and leaves out the rest"
        yield Check(model_version=version, judgeable=False, reason=f"{why}; name the classes under `classes`")


def _why(rule: Rule, search: Document, index: str, classes: NamedClasses) -> str:
    called = class_words(classes.subject(index))
    if rule.known.part == "counterfactuals":
        return f"no pair of the counterfactual set has the label {classes.subject(index)}"
    if rule.known.part or not is_never_predicted(search, index):
        return f"no image of {called} counts for {rule.known.name}"
    return f"no image was predicted as {classes.subject(index)}"


def is_never_predicted(search: Document, index: str) -> bool:
    """Return whether no measure of a search for the predicted class has a number of a class, while some list all."""
    grouped = [one["groups"] for one in search["measures"].values() if one.get("groups")]
    listed = bool(grouped) and max(map(len, grouped)) < MOST_CLASSES
    return listed and search["search"]["target_rule"] == "predicted" and not any(index in one for one in grouped)
