"""Which rules of a preset are left out of a verdict. Judges nothing.

A rule of a preset that the result has nothing for is left out, and the verdict says so. The preset `strict` leaves a
rule out only where the audit could not have had anything for it. Otherwise a control did not run, or its part was
removed from a file, and the rule is judged, and inconclusive. A rule of the policy's own is never left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.class_rules import DROP, EXCESS, SMALLEST_SIDE, is_uncompared
from modicum.gate.early_stop import is_whole
from modicum.gate.ensembles import beside_their_members
from modicum.gate.measures import measure_in
from modicum.gate.needed import Given, lacking, refuse_own_rule
from modicum.gate.policy import Kind, Policy, Rule
from modicum.gate.presets import DEMANDING
from modicum.gate.rule_datasets import of_another_dataset

Document = Mapping[str, Any]
COUNTERFACTUALS = "counterfactual_dataset"
"""Key of the specification; empty of an audit without a counterfactual set. Older results do not have it."""
TELLS_SINCE = 5
"""Version of the result from which on it tells all that its audit could have had. Older ones are judged as before."""
NOTHING = "the result has no figure for it"
OF_SHORTCUT = frozenset({"shortcut", DROP, EXCESS})


def left_out(policy: Policy, document: Document) -> Iterator[tuple[str, str]]:
    """Yield the rules of the preset that are left out, and why.

    An audit that was cut may lack what it would have had in the end, so only what it could never have had is left out
    there.

    Raises:
        PolicyError: a rule of the policy's own needs what the audited images do not have.
    """
    given, tells = given_of(document), document["schema_version"] >= TELLS_SINCE
    demands = policy.preset in DEMANDING and tells
    for rule in policy.rules:
        if of_another_dataset(rule, document):
            continue  # it is judged, and inconclusive
        lacks = lacking(rule, given)
        refuse_own_rule(rule, lacks)
        if rule.mark is not None:
            continue
        has, could = _has_evidence(rule, document), tells and _could_have_had(rule, document, given)
        never = lacks or (tells and not has and not could)
        if never or (is_whole(document) and not (has or (demands and could))):
            yield rule.id, NOTHING


def given_of(document: Document) -> Given:
    """Return what the audited images had.

    Results before version 5 do not tell how many had boxes or masks. There, rules about objects are judged, and
    inconclusive where no searched image had any.
    """
    dataset = document["dataset"]
    paired = document["specification"].get(COUNTERFACTUALS) != "" or bool(document.get("counterfactuals"))
    return Given(
        labels=dataset.get("with_labels", dataset["labelled"]) > 0,
        counterfactuals=paired,
        objects="with_boxes" not in dataset or dataset["with_boxes"] + dataset["with_masks"] > 0,
    )


def _has_evidence(rule: Rule, document: Document) -> bool:
    if rule.known.is_spot:
        return True  # judged, and inconclusive without a spot test
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


def _could_have_had(rule: Rule, document: Document, given: Given) -> bool:
    """Whether the audit could have had what a rule of a preset is about."""
    if rule.known.name in OF_SHORTCUT:
        canvas = document["specification"]["canvas"]
        return given.labels and min(canvas["height"], canvas["width"]) >= SMALLEST_SIDE
    if rule.known.name == "mitigation":
        return bool(beside_their_members(document))
    if rule.known.part == "counterfactuals":
        return bool(document["specification"][COUNTERFACTUALS])
    return True
