"""From a result document and a policy to a verdict. Pure: no clock, no file, no network.

FAIL: a rule's p, over its checks by Bonferroni, is small enough by Holm's procedure over the rules of level error,
within the policy's error budget. So a model with nothing wrong fails with at most that chance over all rules together.
PASS: every check lies within, one-sided at 95%; all must, so nothing is corrected. INCONCLUSIVE: otherwise, and
wherever something is missing. A rule of level warn is judged at the whole budget by itself, and decides nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from modicum.errors import PolicyError
from modicum.gate.as_asked import is_as_asked, is_the_usual_one, not_as_asked, weakness
from modicum.gate.baseline_file import WAY_OUT, Compared, baseline_side, compared
from modicum.gate.baselines import Comparison, baseline_checks
from modicum.gate.ensembles import beside_their_members, can_be_judged, ensemble_check
from modicum.gate.excuses import Excuses, excuses_of, expired_waivers, waived_words
from modicum.gate.explanation import requirement
from modicum.gate.identity import identity
from modicum.gate.left_out import left_out
from modicum.gate.levels import at_asked_level
from modicum.gate.measures import checks_of, outcome_check
from modicum.gate.missing_classes import needs_labels
from modicum.gate.missing_images import not_audited, unless_failed, unless_pairs_failed
from modicum.gate.named_classes import classes_of
from modicum.gate.notes import excused, notes
from modicum.gate.other_alpha import at_alpha
from modicum.gate.policy import Kind, Level, Policy, Rule
from modicum.gate.reading_rules import INCONCLUSIVE
from modicum.gate.result_schema import SCHEMA_VERSIONS, versions_in_words
from modicum.gate.reviews import review_checks
from modicum.gate.rule_datasets import of_another_dataset
from modicum.gate.searched import asked_searches, entry_beside
from modicum.gate.spot_rule import holm
from modicum.gate.spots import accepting, spot_checks, spot_test
from modicum.gate.tails import ONE_SIDED, bonferroni
from modicum.gate.verdict import KIND, Check, Outcome, RuleVerdict, Verdict, overall, worst_of
from modicum.gate.worst_spot import worst_spot

Document = Mapping[str, Any]
UNCOUNTED = "the result does not say how many images it covers; audit again"


def judge(document: Document, policy: Policy, *, today: date, baseline: Document | None = None) -> Verdict:
    """Return the verdict of the policy on a result document.

    `baseline` is what the policy names: a baseline file, or a result document with its rows.

    Raises:
        PolicyError: it is not a result document, or a rule of the policy's own needs what the document cannot have.
    """
    refuse_other_documents(document)
    document = at_asked_level(_at_its_alpha(document, policy), policy)
    without = dict(left_out(policy, document))
    rules = [rule for rule in policy.rules if rule.id not in without]
    excuses = excuses_of(policy, document, today)
    side = None if baseline is None else baseline_side(baseline)
    judged = _judged([(rule, _checks(rule, document, policy, side)) for rule in rules], policy, excuses)
    expired = expired_waivers(policy, today)
    return Verdict(
        outcome=overall([one.outcome for one in judged if one.rule.level is Level.ERROR], expired, policy.preset),
        policy=policy,
        judged_on=today,
        result={**identity(document), "baseline": None if side is None else {**side.result, "digest": side.digest}},
        rules=tuple(judged),
        expired=expired,
        left_out=without,
        notes=tuple(notes(document, policy, judged, side, excuses)),
        excused=tuple(excused(document, policy, judged)),
        accepted=tuple(dict.fromkeys(one.class_label for one in accepting(document, policy.accept))),
        worst_spot=worst_spot(document, judged, policy.accept),
    )


def refuse_other_documents(document: Document) -> None:
    """Refuse a document that cannot be judged as a result.

    Raises:
        PolicyError: it is a verdict, something else, or of another version of the form.
    """
    if document.get("kind") == KIND:
        raise PolicyError("expected a result document, got a verdict; judge the result that it is about")
    if document.get("schema_version") not in SCHEMA_VERSIONS or "models" not in document:
        raise PolicyError(
            f"expected a result document of schema version {versions_in_words()}, as `modicum audit --output "
            "FILE.json` writes it"
        )


def needs_rows(document: Document, policy: Policy) -> bool:
    """Return whether a result is judged by its rows: beside a baseline, at another alpha, or each class by itself."""
    by_rows = any(rule.needs_baseline for rule in policy.rules) or needs_labels(policy)
    return by_rows or _other_alpha(document, policy)


def _other_alpha(document: Document, policy: Policy) -> bool:
    return policy.audit.get("alpha") not in {None, document["specification"]["statistics"].get("alpha")}


def _at_its_alpha(document: Document, policy: Policy) -> Document:
    """The document, its rates counted again where the policy asks for another alpha."""
    alpha = policy.audit.get("alpha")
    was = document["specification"]["statistics"].get("alpha")
    if not _other_alpha(document, policy):
        return document
    assert alpha is not None, "the policy asks for one"
    if "rows" not in document:
        raise PolicyError(
            f"the policy asks for alpha {alpha}, the result was measured with {was}; rates are counted again from its "
            f"rows, but it has none; {WAY_OUT}"
        )
    return at_alpha(document, alpha)


def _checks(rule: Rule, document: Document, policy: Policy, baseline: Compared | None) -> list[Check]:
    checks: list[Check] = []
    if other := of_another_dataset(rule, document):
        return [Check(model_version="", judgeable=False, reason=other)]
    if rule.known.kind is Kind.VERDICT and not (rule.known.is_spot or rule.known.is_review):
        checks = list(_of_ensembles(rule, document, policy))
    elif rule.known.kind is not Kind.BASELINE:
        checks = [check for model in document["models"] for check in _of_model(rule, document, model, policy)]
    if rule.needs_baseline:
        checks += [check for model in document["models"] for check in _against(rule, document, model, policy, baseline)]
    return checks or [
        Check(model_version="", judgeable=False, reason=f"the result has no {rule.known.part or rule.known.name}")
    ]


def _against(
    rule: Rule, document: Document, model: Document, policy: Policy, baseline: Compared | None
) -> Iterator[Check]:
    version, search = model["model_version"], _search(rule, document, model, policy)
    if baseline is None:
        yield Check(model_version=version, judgeable=False, against_baseline=True, reason="there is no baseline")
    elif search is None:
        yield Check(model_version=version, judgeable=False, reason=_why_no_search(rule, document, model, policy))
    else:
        ours = compared(document, version, called="the result")
        classes, left = classes_of(document, version), not_audited(document)
        beside = Comparison(version, ours, search["search"], baseline, classes, left)
        for check in baseline_checks(rule, beside):
            yield _unless_weak(check, document, search, policy, rule.search)


def _unless_weak(
    check: Check, document: Document, search: Document, policy: Policy, number: int | None = None
) -> Check:
    """The check; inconclusive where the evidence is weaker than the policy asks, or was measured otherwise.

    It does not pass where too many images failed.
    """
    weak = weakness(document, search, policy, number)
    nothing = replace(check, judgeable=False, passes=False, against_baseline=False, reason=weak, unsettled="")
    return nothing if weak else unless_failed(check, search["counts"])


def _of_ensembles(rule: Rule, document: Document, policy: Policy) -> Iterator[Check]:
    """The checks of ensembles under each search that was measured as the policy asks; without one, inconclusive.

    An entry that names no search is of the first one.
    """
    asked, entries = asked_searches(document), document.get(rule.known.name, ())
    found = [(entry, asked[entry.get("search_index", 0)]) for entry in entries]
    as_asked = [(entry, search) for entry, search in found if is_as_asked(search, policy)]
    for entry, search in as_asked:
        yield _of_ensemble(rule, entry, search, document, policy)
    if entries and not as_asked:
        yield Check(model_version="", judgeable=False, reason=not_as_asked(document, policy))
    checked = {entry["ensemble"] for entry in entries if "ensemble" in entry}
    for version in beside_their_members(document) if entries else ():
        if version not in checked:
            yield Check(model_version=version, judgeable=False, reason="the result has no check of this ensemble")


def _of_ensemble(rule: Rule, entry: Document, search: Document, document: Document, policy: Policy) -> Check:
    """The check of an ensemble; inconclusive where the evidence of it or of a member is weaker than the policy asks."""
    check = _verdict_check(rule, entry, document)
    versions = {entry["ensemble"], *entry.get("members", ())}
    for model in document["models"]:
        for one in model["searches"]:
            if model["model_version"] in versions and one["search"] == search:
                check = _unless_weak(check, document, one, policy)
    return check


def _verdict_check(rule: Rule, entry: Document, document: Document) -> Check:
    if can_be_judged(entry):
        return ensemble_check(rule, entry)
    version = entry["model_version"] if "model_version" in entry else entry["ensemble"]
    check = outcome_check(rule, version, entry[rule.known.field], document, "; ".join(entry.get("reasons", ())))
    counts_nothing = check.subject == INCONCLUSIVE and check.judgeable
    return replace(check, judgeable=False, passes=False, reason=UNCOUNTED) if counts_nothing else check


def _of_model(rule: Rule, document: Document, model: Document, policy: Policy) -> Iterator[Check]:
    version = model["model_version"]
    search = _search(rule, document, model, policy)
    if search is None:
        yield Check(model_version=version, judgeable=False, reason=_why_no_search(rule, document, model, policy))
        return
    test = entry_beside(document, "counterfactuals", version, search["search"])
    for check in _each(rule, document, model, search, policy):
        found = _unless_weak(check, document, search, policy, rule.search)
        yield unless_pairs_failed(found, test) if test is not None and rule.known.is_counterfactual else found


def _each(rule: Rule, document: Document, model: Document, search: Document, policy: Policy) -> Iterator[Check]:
    version = model["model_version"]
    if rule.known.is_spot:
        yield from spot_checks(rule, document, version, search, policy.accept)
    elif rule.known.is_review:
        yield from review_checks(rule, document, version, search)
    else:
        yield from checks_of(rule, document, model, search)


def _search(rule: Rule, document: Document, model: Document, policy: Policy) -> Document | None:
    """The search that a rule is about: by its number, else the first for the predicted class, as the policy asks.

    The rule of the spot test is about the first of these that has a test.
    """
    if rule.search is not None:
        searches = model["searches"]
        return searches[rule.search] if rule.search < len(searches) else None
    as_asked = [
        dict(search) for search in model["searches"] if _is_plain(search) and is_the_usual_one(search["search"], policy)
    ]
    tested = [one for one in as_asked if rule.known.is_spot and spot_test(document, model["model_version"], one)]
    return next(iter(tested or as_asked), None)


def _is_plain(search: Document) -> bool:
    """Whether it is a search for the predicted class, at the version's own temperature."""
    return search["search"]["target_rule"] == "predicted" and not search["search"].get("matched", False)


def _why_no_search(rule: Rule, document: Document, model: Document, policy: Policy) -> str:
    if rule.search is None:
        return not_as_asked(document, policy)
    last = len(model["searches"]) - 1
    return f"the rule is about search {rule.search}, but the result's are numbered 0 to {last}"


def _judged(rules: Sequence[tuple[Rule, list[Check]]], policy: Policy, excuses: Excuses) -> list[RuleVerdict]:
    """Judge the rules of level error at their shares of the budget, and each of level warn at all of it."""
    errors = {rule.id: _over_checks(checks) for rule, checks in rules if rule.level is Level.ERROR}
    shares = holm_shares(errors, policy.error_budget)
    verdicts = []
    for rule, checks in rules:
        p = _over_checks(checks)
        share, fails = shares.get(rule.id, (policy.error_budget, p <= policy.error_budget))
        decided = tuple(_decided(rule, checks, share if fails else 0.0, excuses))
        outcome = worst_of([check.outcome for check in decided])
        verdicts.append(
            RuleVerdict(rule=rule, requirement=requirement(rule), outcome=outcome, p=p, share=share, checks=decided)
        )
    return verdicts


def holm_shares(p_values: Mapping[str, float], budget: float) -> dict[str, tuple[float, bool]]:
    """Return the share of the budget at which each rule is judged, and whether it fails (Holm, 1979)."""
    shares, share, going = {}, 0.0, True
    for done, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        share = budget / (len(p_values) - done) if going else share
        going = going and p_values[name] <= share
        shares[name] = (share, going)
    return shares


def _over_checks(checks: Sequence[Check]) -> float:
    """P of the hypothesis that a rule holds in all of its checks, by Bonferroni over those that can be judged."""
    return bonferroni([check.p for check in checks if check.judgeable])


def _decided(rule: Rule, checks: Sequence[Check], share: float, excuses: Excuses) -> Iterator[Check]:
    """Each check with its outcome; of a rule that fails, those that Holm's procedure finds at the rule's share."""
    judged = [check for check in checks if check.judgeable]
    failing = {id(check) for check, fails in zip(judged, holm([one.p for one in judged], share), strict=True) if fails}
    for check in checks:
        if id(check) in failing and share > 0:
            waiver = excuses.of(rule, check)
            waived = "" if waiver is None else waived_words(waiver)
            yield replace(check, outcome=Outcome.WAIVED if waived else Outcome.FAIL, waived=waived)
        elif check.passes and check.judgeable:
            yield replace(check, outcome=Outcome.PASS)
        else:
            told = [check.reason, check.unsettled or (_why_unsettled(rule, check) if check.judgeable else "")]
            yield replace(check, outcome=Outcome.INCONCLUSIVE, reason="; ".join(text for text in told if text))


def _why_unsettled(rule: Rule, check: Check) -> str:
    beyond = check.p <= ONE_SIDED
    if rule.expect:
        which = "another outcome than the policy expects" if beyond else "no outcome"
        return f"{which} is settled at 5%{', but not within the error budget' if beyond else ''}"
    if beyond:
        return "beyond the limit by a test at 5%, but not by one within the policy's error budget"
    return "the evidence lies on both sides of the limit"
