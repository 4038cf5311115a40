"""Copies of one picture in a result: files that are equal byte for byte. They are no further evidence.

A result counts each picture once: of several copies, the one that comes first. Results of older releases count copies
as images in everything but the spot test and comparisons with a baseline; floors leave them out here, and a note says
so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]


def counts_pictures(document: Document) -> bool:
    """Return whether a result counts each picture once; older ones count copies."""
    return "pictures" in document["dataset"]


def copies_in(document: Document) -> int:
    """Return how many of the audited images are copies of others; 0 where an older document does not tell."""
    copies: int = document["dataset"].get("copies", 0)
    return copies


def distinct(document: Document, images: int) -> int:
    """Return how many of some of the counted images are different pictures, at the least."""
    return images if counts_pictures(document) else max(0, images - copies_in(document))


def counted_rows(document: Document) -> Sequence[Document]:
    """Return the rows that the result counts, in their order."""
    rows: Sequence[Document] = document["rows"]
    if not counts_pictures(document):
        return rows
    first: dict[str, int] = {}
    return [row for row in rows if first.setdefault(row["image_digest"], row["position"]) == row["position"]]


def copies_note(document: Document) -> str:
    """Return what is said of copies; empty of a result without any."""
    copies = copies_in(document)
    if not copies:
        return ""
    audited = document["dataset"]["audited"]
    said = f"{copies} of {audited} images are copies of others, byte for byte"
    if counts_pictures(document):
        return f"{said}; each picture counts once"
    return (
        f"{said}; floors under `require` do not count the copies, but shares and medians of this older result do, so "
        "these look surer than they are: audit again"
    )
