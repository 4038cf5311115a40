"""The versions of the result document that this client reads and judges."""

SCHEMA_VERSIONS = (1, 2, 3, 4, 5)
"""In 1 the outcome NONE_SEEN was called CLEAR, by another rule; before 3 SHORTCUT had no comparison.

Before 4 a spot outside known objects may have been compared with one that moves fewer pixels.
Before 5 a result did not tell how many audited images had labels, boxes or masks, nor the members of an ensemble.
"""


def versions_in_words() -> str:
    """Return the versions as a message has them: "1, 2, 3 or 4"."""
    *older, newest = map(str, SCHEMA_VERSIONS)
    return f"{', '.join(older)} or {newest}"
