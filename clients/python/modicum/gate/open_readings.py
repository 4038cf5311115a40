"""Readings that settle nothing, where a policy expects INCONCLUSIVE, too.

They pass where nothing speaks for an outcome that is not expected, and where enough images were looked at to settle
something. Otherwise whoever measures less would pass.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modicum.gate.class_rules import LEAST_IMAGES
from modicum.gate.policy import Rule
from modicum.gate.reading_rules import INCONCLUSIVE, RULES
from modicum.gate.tails import FEWEST_PAIRS, ONE_SIDED
from modicum.gate.verdict import Check

Document = Mapping[str, Any]
#: By the control of a reading about several versions or sets: its part of the document, and the key of its version.
PARTS = {"transfer": ("transfer", "source"), "counterfactual": ("counterfactuals", "model_version")}
TOO_FEW = "{n} images are too few to settle anything; at least {least} are needed"


def unless_open(rule: Rule, check: Check, document: Document, search: Document) -> Check:
    """Return the check of a reading; it passes where its outcome is expected and INCONCLUSIVE is, too."""
    accepts = INCONCLUSIVE in rule.expect and check.subject in rule.expect
    if not accepts or check.passes or not check.judgeable or check.p <= ONE_SIDED:
        return check
    n = max(_numbers(rule.known.name, check.model_version, document, search), default=0)
    least = LEAST_IMAGES if rule.known.name == "shortcut" else FEWEST_PAIRS
    if n < least:
        return replace(check, judgeable=False, reason=f"{check.reason}; {TOO_FEW.format(n=n, least=least)}")
    return replace(check, passes=True)


def _numbers(control: str, version: str, document: Document, search: Document) -> Iterator[int]:
    """The numbers of images of a control's measures."""
    if control in PARTS:
        part, key = PARTS[control]
        for entry in document.get(part, ()):
            if entry[key] == version:
                yield from (measure["n"] for measure in entry["measures"].values())
    else:
        prefix = RULES[control].prefix if control in RULES else f"{control}_"
        yield from (measure["n"] for name, measure in search["measures"].items() if name.startswith(prefix))
