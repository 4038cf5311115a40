"""The rule `review`: what people see in the subsets of a version, by the newest blind review that a report tells of.

A review belongs to one audit, so one of another version or of other images never counts. Nothing passes without a
review of the judged version that has answers. One that settles nothing passes only where INCONCLUSIVE is expected too.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modicum.gate.measures import check_at_tails
from modicum.gate.policy import Rule
from modicum.gate.verdict import Check
from modicum.resource_names import short_version

Document = Mapping[str, Any]
RULE = "review"
INCONCLUSIVE = "INCONCLUSIVE"
NO_REVIEW = "there is no blind review of it with answers; ask people, then judge the audit again by its name"
NO_TAILS = "an older server told of its blind review, so it is not known how sure that is; judge the audit again"


def review_check(rule: Rule, document: Document, version: str) -> Check:
    """Return the check of a version by the newest blind review of its audit."""
    review = document.get(RULE)
    if review is None:
        return Check(model_version=version, judgeable=False, reason=NO_REVIEW)
    if review["model_version"] != version:
        other = f"the newest blind review is of {short_version(review['model_version'])}; ask people about this version"
        return Check(model_version=version, judgeable=False, reason=other)
    if "outcomes" not in review:
        return Check(model_version=version, subject=review["outcome"], judgeable=False, reason=NO_TAILS)
    check = check_at_tails(rule, version, {**review, "statements": 1})
    accepted = review["outcome"] == INCONCLUSIVE and INCONCLUSIVE in rule.expect
    return replace(check, passes=check.passes or accepted, reason=f"{review['text']} (sha256:{review['digest']})")
