"""The rule `review`: what people see in the subsets of a version, by the blind reviews that a report tells of.

A review belongs to one audit, so one of another version or of other images never counts. A report tells of reviews
with an ended session alone: the newest of each settled outcome, so every one of them must be expected. One that is
INCONCLUSIVE passes where that is expected, and CONFIRMED was within reach of its answers. Those of another search than
the rule's, and of subsets larger than alpha, say nothing of what the rule asks about, so they do not count.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modicum.gate.measures import check_at_tails
from modicum.gate.policy import Rule
from modicum.gate.searched import alpha_of, asked_searches
from modicum.gate.tails import ONE_SIDED
from modicum.gate.verdict import Check

Document = Mapping[str, Any]
INCONCLUSIVE = "INCONCLUSIVE"
OTHER_SUBSETS = (
    "it shows subsets of at most {largest_fraction:g} of the pixels from search {search_index}, but this rule is "
    "about subsets of at most {alpha:g} (alpha) from its own search; ask people about those"
)
NO_REVIEW = (
    "the audit has no blind review in which a person answered every picture; ask people, then judge the audit again "
    "by its name"
)
OUT_OF_REACH = (
    "these answers are too few for CONFIRMED, which needs ten pictures of each kind and people who name the class on "
    "most whole pictures; ask more people"
)


def review_checks(rule: Rule, document: Document, version: str, search: Document) -> Iterator[Check]:
    """Yield a check of a version for each blind review that the report tells of and that is of the rule's subsets.

    Those are subsets of at most alpha of the pixels, by the rule's search. Where no review is of them, none of the
    version's reviews can be judged.
    """
    reviews = [review for review in document.get("reviews", ()) if review["model_version"] == version]
    if not reviews:
        yield Check(model_version=version, judgeable=False, reason=NO_REVIEW)
        return
    alpha, asked = alpha_of(document, search), enumerate(asked_searches(document))
    indices = {index for index, one in asked if one == search["search"]}
    counted = [one for one in reviews if one["search_index"] in indices and one["largest_fraction"] <= alpha]
    if counted:
        yield from (_check(rule, version, review) for review in counted)
    else:
        yield from (_of_other_subsets(version, review, alpha) for review in reviews)


def _of_other_subsets(version: str, review: Document, alpha: float) -> Check:
    reason = f"{_told(review)}; {OTHER_SUBSETS.format(**review, alpha=alpha)}"
    return Check(model_version=version, subject=review["outcome"], judgeable=False, reason=reason)


def _told(review: Document) -> str:
    return f"{review['text']} (sha256:{review['digest']})"


def _check(rule: Rule, version: str, review: Document) -> Check:
    is_open, told = review["outcome"] == INCONCLUSIVE, _told(review)
    if is_open and not review["could_confirm"]:
        reason = f"{told}; {OUT_OF_REACH}"
        return Check(model_version=version, subject=review["outcome"], judgeable=False, reason=reason)
    check = check_at_tails(rule, version, {**review, "statements": 1})
    accepted = is_open and INCONCLUSIVE in rule.expect and check.p > ONE_SIDED
    return replace(check, passes=check.passes or accepted, reason=told)
