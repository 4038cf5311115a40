"""Which rules of a preset are left out of a verdict: those for which this audit can have nothing. Judges nothing.

A control that could have run and did not is no reason, nor is what was removed from a result: such a rule is judged,
and inconclusive. A rule of the policy's own is never left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.as_asked import asked_control
from modicum.gate.class_rules import EXCESS, SMALLEST_SIDE, is_uncompared
from modicum.gate.early_stop import is_whole
from modicum.gate.measures import SHORTCUT, control_of, measure_in, was_asked_for
from modicum.gate.needed import Given, lacking, refuse_own_rule
from modicum.gate.one_version import OTHERS
from modicum.gate.policy import Kind, Policy, Rule
from modicum.gate.rule_datasets import of_another_dataset

Document = Mapping[str, Any]
COUNTERFACTUALS = "counterfactual_dataset"
"""Key of the specification; empty of an audit without a counterfactual set."""
COUNTERFACTUALS_SINCE = 2
"""Version of the result from which on every specification has that key."""
NOTHING = "the result has nothing for it"
LEAST_MEMBERS = 2


def left_out(policy: Policy, document: Document) -> Iterator[tuple[str, str]]:
    """Yield the rules of the preset for which the audit can have nothing, and why.

    An audit that was cut may lack what it would have had in the end, so only what needs labels or a counterfactual set
    is left out there.

    Raises:
        PolicyError: a rule of the policy's own needs what the document cannot have.
    """
    given = _given(document)
    for rule in policy.rules:
        if of_another_dataset(rule, document):
            continue  # it is judged, and inconclusive
        lacks = lacking(rule, given)
        refuse_own_rule(rule, lacks)
        if rule.mark is None and (lacks or (is_whole(document) and _is_out_of_reach(rule, document, policy))):
            yield rule.id, NOTHING


def _given(document: Document) -> Given:
    """What the audited images had. No result tells how many had boxes or masks: it has the objects of searched images.

    Where none of these had any, rules about objects are judged, and inconclusive.
    """
    paired = document["specification"].get(COUNTERFACTUALS) != "" or bool(document.get("counterfactuals"))
    return Given(labels=document["dataset"]["labelled"] > 0, counterfactuals=paired, objects=True)


def _is_out_of_reach(rule: Rule, document: Document, policy: Policy) -> bool:
    """Whether the document has nothing for a rule, and could not have had it."""
    if rule.known.is_spot or _has_evidence(rule, document):
        return False
    if rule.known.kind is Kind.VERDICT:
        return not (rule.known.name == "mitigation" and any(_is_whole_ensemble(document)))
    if rule.known.part == "counterfactuals":
        return not _may_have_counterfactuals(document)
    if control_of(rule) == SHORTCUT:
        return not _could_run_shortcut(document, policy)
    return True


def _has_evidence(rule: Rule, document: Document) -> bool:
    if rule.known.kind is Kind.VERDICT:
        return bool(document.get(rule.known.name))
    searches = [search for model in document["models"] for search in model["searches"]]
    if rule.known.kind is Kind.READING:
        return any(one["control"] == rule.known.name for search in searches for one in search["readings"])
    if rule.known.name == EXCESS and any(is_uncompared(search["measures"]) for search in searches):
        return True  # of a loss that was not compared with one elsewhere: judged, and inconclusive
    measures = [
        measure_in(rule, document, model["model_version"], search)
        for model in document["models"]
        for search in model["searches"]
    ]
    return any(measure is not None and measure["value"] is not None for measure in measures)


def _is_whole_ensemble(document: Document) -> Iterator[bool]:
    """Yield for each version whether it is an ensemble of versions that were all audited beside it."""
    audited = {model["model_version"] for model in (*document["models"], *document.get(OTHERS, ()))}
    for model in document["models"]:
        members = model.get("weights_digests", {}).keys() - {model["model_version"]}
        yield len(members) >= LEAST_MEMBERS and members <= audited


def _may_have_counterfactuals(document: Document) -> bool:
    name = document["specification"].get(COUNTERFACTUALS)
    return bool(name) or (name is None and document["schema_version"] >= COUNTERFACTUALS_SINCE)


def _could_run_shortcut(document: Document, policy: Policy) -> bool:
    """Whether the control was asked for, or runs on such a canvas; on images without labels it does neither."""
    if not document["dataset"]["labelled"]:
        return False
    named = {asked_control(text)[0] for text in policy.audit.get("controls", ())}
    return SHORTCUT in named or was_asked_for(SHORTCUT, document) or _is_large_enough(document)


def _is_large_enough(document: Document) -> bool:
    """Whether the canvas is one that the control runs on by default; so is one that the document does not tell."""
    canvas = document["specification"].get("canvas")
    return canvas is None or min(canvas["height"], canvas["width"]) >= SMALLEST_SIDE
