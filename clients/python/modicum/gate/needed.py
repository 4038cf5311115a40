"""What rules need of the audited images beside the pictures: labels, counterfactuals, the objects in them.

A rule of a preset is left out where that is missing. One of the policy's own is refused, before the audit if possible.
"""

from dataclasses import dataclass

from modicum.errors import PolicyError
from modicum.gate.policy import Kind, Policy, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Whether an audited image has a label, a counterfactual, and boxes or a mask; True where nobody can tell."""

    labels: bool
    counterfactuals: bool
    objects: bool


def refuse_unmeasurable(policy: Policy, given: Given) -> None:
    """Refuse a policy before an audit of images that have nothing for one of its rules.

    Raises:
        PolicyError: one of its own rules needs what there is not.
    """
    for rule in policy.rules:
        if rule.dataset is None:
            refuse_own_rule(rule, lacking(rule, given))


def refuse_own_rule(rule: Rule, lacks: str) -> None:
    """Refuse a rule of the policy's own that lacks something; `lacks` is empty if it does not.

    Raises:
        PolicyError: it does.
    """
    if lacks and rule.mark is not None:
        raise PolicyError(f"{rule.mark}: {rule.id} needs {lacks}; or remove the rule")


def lacking(rule: Rule, given: Given) -> str:
    """Return what a rule needs of the images and they do not have, and what to do; empty if nothing."""
    name, of_measure = rule.known.name, rule.known.kind is Kind.MEASURE
    if not given.labels and of_measure and "accuracy" in name:
        return "labels, but no image has one: audit images that are in a folder for each class"
    if not given.counterfactuals and (rule.known.part == "counterfactuals" or name == "counterfactual"):
        return "a counterfactual set, but there is none: audit with --counterfactual FOLDER"
    if not given.objects and of_measure and name.startswith("object_share"):
        return "boxes or masks, but no image has any: audit with --boxes FILE or --masks FOLDER"
    return ""
