"""What rules need beside the pictures: labels, counterfactuals, objects in the images, and other versions.

A rule of a preset is left out where that is missing. One of the policy's own is refused, before the audit if possible.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from modicum.errors import PolicyError
from modicum.gate.asked_audit import asked_controls
from modicum.gate.policy import Kind, Level, Policy, Rule
from modicum.gate.version_pairs import PAIRED

OF_LABELS = frozenset({"shortcut", "counterfactual"})
"""Readings that look at how often predictions are right."""
BY_CORRECTNESS = ("_correct", "_incorrect")
"""How names of measures end that are of right, or of wrong, predictions alone."""
TRANSFER = "transfer"
TWO_VERSIONS = (
    "another version in the same audit, but the gate audits one: audit both with `modicum audits create --model A "
    "--model B`, and judge that audit with `modicum judge AUDIT`"
)
ENSEMBLE = (
    "an ensemble beside its members, but the gate audits one version: audit them with `modicum ensemble check`, and "
    "judge that audit with `modicum judge AUDIT`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Whether an audited image has a label, a counterfactual, and boxes or a mask; True where nobody can tell."""

    labels: bool
    counterfactuals: bool
    objects: bool


def refuse_unmeasurable(policy: Policy, given: Given) -> None:
    """Refuse a policy before an audit of one version, where that has nothing for one of its rules.

    Raises:
        PolicyError: its own rules, or the control `transfer`, need what there is not; every problem has a line.
    """
    _refuse([*_beyond_one_version(policy), *_of_images(policy, given)])


def refuse_several_versions(policy: Policy) -> None:
    """Refuse a policy before an audit of one version of which nobody knows what its images have.

    Raises:
        PolicyError: its own rules, or the control `transfer`, need more than a new audit of one version.
    """
    _refuse(list(_beyond_one_version(policy)))


def refuse_own_rule(rule: Rule, lacks: str) -> None:
    """Refuse a rule of the policy's own that lacks something; `lacks` is empty if it does not.

    Raises:
        PolicyError: it does.
    """
    _refuse([_problem(rule, lacks)] if lacks and rule.mark is not None else [])


def _refuse(problems: list[str]) -> None:
    if problems:
        raise PolicyError("\n".join(problems))


def _problem(rule: Rule, lacks: str) -> str:
    return f"{rule.mark}: {rule.id} needs {lacks}; or remove the rule"


def _of_images(policy: Policy, given: Given) -> Iterator[str]:
    for rule in _own_rules(policy):
        if lacks := lacking(rule, given):
            yield _problem(rule, lacks)


def _beyond_one_version(policy: Policy) -> Iterator[str]:
    if any(name == TRANSFER for name, _, _ in asked_controls(policy.audit)):
        yield f"{policy.audit_marks['controls']}: audit.controls: transfer needs {TWO_VERSIONS}; or remove the control"
    for rule in _own_rules(policy):
        if rule.level is Level.ERROR and (lacks := _lacking_in_one_version(rule)):
            yield _problem(rule, lacks)


def _own_rules(policy: Policy) -> Iterator[Rule]:
    """The policy's own rules that are about the audited data set."""
    return (rule for rule in policy.rules if rule.mark is not None and rule.dataset is None)


def lacking(rule: Rule, given: Given) -> str:
    """Return what a rule needs of the images and they do not have, and what to do; empty if nothing."""
    name, of_measure = rule.known.name, rule.known.kind is Kind.MEASURE
    if not given.counterfactuals and rule.known.is_counterfactual:
        return "a counterfactual set, but there is none: audit with --counterfactual FOLDER"
    if not given.labels and _is_of_labels(rule):
        return "labels, but no image has one: audit images that are in a folder for each class"
    if not given.objects and of_measure and name.startswith("object_share"):
        return "boxes or masks, but no image has any: audit with --boxes FILE or --masks FOLDER"
    return ""


def _is_of_labels(rule: Rule) -> bool:
    name = rule.known.name
    return is_of_labels(name) if rule.known.kind is Kind.MEASURE else name in OF_LABELS


def is_of_labels(measure: str) -> bool:
    """Return whether a measure is of images with a label alone."""
    return "accuracy" in measure or measure.endswith(BY_CORRECTNESS)


def _lacking_in_one_version(rule: Rule) -> str:
    """What a rule needs and a new audit of one version never has, and what to do; empty if nothing."""
    if rule.known.part in PAIRED or rule.known.name == TRANSFER:
        return TWO_VERSIONS
    return ENSEMBLE if rule.known.name == "mitigation" else ""
