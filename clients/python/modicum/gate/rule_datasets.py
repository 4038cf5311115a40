"""Whether a rule of one data set is about the data set of a result."""

import re
from collections.abc import Mapping
from typing import Any

from modicum.gate.policy import Rule

Document = Mapping[str, Any]
#: What `modicum gate` adds to the name of a folder, to name its data set.
ADDED_DIGEST = re.compile("-[0-9a-f]{8}$")


def of_another_dataset(rule: Rule, document: Document) -> str:
    """Return why a rule of one data set is not about this one; empty if it is. Its name may lack the gate's digest."""
    name = document["dataset"]["name"].rsplit("/", 1)[-1]
    if rule.dataset in {None, name, ADDED_DIGEST.sub("", name)}:
        return ""
    return f"the rule is about the data set {rule.dataset}, but the result is about {name}"
