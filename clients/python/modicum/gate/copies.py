"""Copies of one picture in a result: files that are equal byte for byte. They are no further evidence.

The floors of a policy count each picture once. Shares count copies as images, because the document holds no share
without them; a note says so. The spot test and comparisons with a baseline count each picture once by themselves.
"""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]


def copies_in(document: Document) -> int:
    """Return how many of the audited images are copies of others; 0 where an older document does not tell."""
    copies: int = document["dataset"].get("copies", 0)
    return copies


def distinct(document: Document, images: int) -> int:
    """Return how many of some of the images are different pictures, at the least."""
    return max(0, images - copies_in(document))


def copies_note(document: Document) -> str:
    """Return what is said of copies; empty of a result without any."""
    copies = copies_in(document)
    if not copies:
        return ""
    audited = document["dataset"]["audited"]
    return (
        f"{copies} of {audited} images are copies of others, byte for byte; floors under `require` do not count them, "
        "but shares and medians do, so these look surer than they are: remove the copies and audit again"
    )
