"""The form of an architecture's name, FAMILY:NAME. Command and server refuse by the same rule.

Which names a family has, workers say.
"""

import re

FORM = r"[a-z][a-z0-9_]{0,62}:[A-Za-z0-9][A-Za-z0-9_.\-/]{0,254}"


def is_architecture(name: str) -> bool:
    """Whether a name has the form."""
    return re.fullmatch(FORM, name, re.ASCII) is not None
