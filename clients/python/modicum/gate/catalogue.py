"""The rules that a policy may name, and names that were probably meant. `tools/gate_rules.py` writes the list."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources

from modicum.gate.policy import Kind, KnownRule, Policy, Rule
from modicum.gate.policy_numbers import allows_every_value

PUT_MOST = 8
"""Names that a message lists at most."""
#: By an outcome that only results before version 2 of the form have, the one that took its place.
OUTDATED = {"CLEAR": "NONE_SEEN"}


@cache
def known_rules() -> Mapping[str, KnownRule]:
    """Return every rule by its id."""
    text = resources.files("modicum.gate").joinpath("rules.json").read_text(encoding="utf-8")
    rules = [{**one, "kind": Kind(one["kind"])} for one in json.loads(text)]
    lists = [{key: tuple(value) for key, value in one.items() if isinstance(value, list)} for one in rules]
    return {one["id"]: KnownRule(**{**one, **own}) for one, own in zip(rules, lists, strict=True)}


def outdated_outcomes(policy: Policy) -> Iterator[str]:
    """Yield each expected outcome that no result of today can have, and what to expect in its place."""
    for rule in policy.rules:
        for outcome in OUTDATED.keys() & set(rule.expect):
            yield (
                f"{rule.mark}: {rule.id} expects {outcome}, an outcome of results before schema version 2; "
                f"newer results have {OUTDATED[outcome]} instead: expect that"
            )


def rules_that_cannot_fail(policy: Policy) -> Iterator[str]:
    """Yield each rule that no result fails, because its limits allow every value or it expects every outcome."""
    for rule in policy.rules:
        allowed = allows_every_value(rule) or _every_outcome(rule)
        if allowed:
            yield f"{rule.shown_at}: {rule.id} can never fail, because {allowed}; change the rule or set it to `off`"


def _every_outcome(rule: Rule) -> str:
    of_today = set(rule.known.outcomes) - OUTDATED.keys()
    return "it expects every outcome" if of_today and of_today <= set(rule.expect) else ""


def did_you_mean(given: str, names: Iterable[str]) -> str:
    """Return the end of a message: the nearest name, or some of the names."""
    all_names = sorted(names)
    nearest = difflib.get_close_matches(given.lower().replace("_", "-"), all_names, n=1) or difflib.get_close_matches(
        given.lower(), all_names, n=1
    )
    if nearest:
        return f"did you mean {nearest[0]!r}?"
    more = f" and {len(all_names) - PUT_MOST} more" if len(all_names) > PUT_MOST else ""
    return f"expected one of {', '.join(all_names[:PUT_MOST])}{more}"
