"""Images that a result lacks: of its baseline, or because they failed. What is left must not pass for what is gone.

Compares no number. Images below the threshold were measured, so they have not failed. Those that an early end or a
budget left out, and erased ones, are not counted at all.

A sample, or an audit that ended early, is drawn at random from its data set: it leaves no kind of image out. So the
same share of the baseline's images is expected to be missing, give or take what chance does.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modicum.gate.baseline_file import Compared
from modicum.gate.verdict import Check

Document = Mapping[str, Any]
MOST_MISSING = 0.1
"""Share of the images, of a baseline or of an audit, without which a rule may still pass."""
TOO_MANY = "more than a tenth, so the rest cannot show a pass"
DEVIATIONS = 3.0
"""Standard deviations by which chance may leave out more images of a random part than expected."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Images of the baseline that a rule could compare, and how many of them the result lacks.

    Attributes:
        images: how many there are.
        lacking: how many of them cannot be compared.
        not_audited: the share of its data set that the result left out at random.
    """

    images: int
    lacking: int
    not_audited: float

    @property
    def expected(self) -> int:
        """How many may be lacking because the result is of a random part of its data set."""
        deviation = math.sqrt(self.images * self.not_audited * (1 - self.not_audited))
        return math.ceil(self.images * self.not_audited + DEVIATIONS * deviation)

    @property
    def too_many(self) -> bool:
        """Whether more than `MOST_MISSING` are lacking, beyond those that are expected."""
        return is_too_many(self.lacking - self.expected, self.images)


def is_too_many(lacking: int, images: int) -> bool:
    """Return whether more than `MOST_MISSING` of the images are lacking."""
    return lacking > MOST_MISSING * images


def unless_missing(check: Check, missing: Missing) -> Check:
    """Return the check without its pass, where too many images of the baseline are missing. A failure stays."""
    if not missing.too_many:
        return check
    why = f"{missing.lacking:,} of the baseline's {missing.images:,} images are missing, {TOO_MANY}"
    told = "; ".join(text for text in (check.unsettled, why) if text)
    return replace(check, passes=False, lacks_images=True, unsettled=told)


def unless_failed(check: Check, counts: Document) -> Check:
    """Return the check without its pass, where too many images of its search failed. A failure stays."""
    failed, images = int(counts["failed"]), int(counts["images"])
    return _unless(check, failed, images, f"{failed:,} of {images:,} images could not be measured")


def unless_pairs_failed(check: Check, test: Document) -> Check:
    """Return the check without its pass, where too many pairs of a counterfactual set failed. A failure stays.

    Pairs of one picture and itself tell nothing, so they do not count.
    """
    failed, pairs = int(test.get("failed", 0)), int(test.get("pairs", 0)) - int(test.get("same_picture", 0))
    why = f"{failed:,} of {pairs:,} pairs of the counterfactual set lack a prediction on one of their pictures"
    return _unless(check, failed, pairs, why)


def _unless(check: Check, failed: int, of: int, why: str) -> Check:
    if not check.passes or not is_too_many(failed, of):
        return check
    told = f"{why}, {TOO_MANY}; look at the reasons in the result, and audit again"
    return replace(check, passes=False, unsettled="; ".join(text for text in (check.unsettled, told) if text))


def not_audited(document: Document) -> float:
    """Return the share of a data set's items that were not audited: those outside a sample, or after an early end.

    Erased pictures are no random part, so they do not count. Older documents do not tell the share.
    """
    dataset = document["dataset"]
    items = int(dataset.get("item_count", 0)) - int(dataset.get("left_out", 0))
    return max(0.0, 1 - int(dataset.get("audited", items)) / items) if items > 0 else 0.0


def missing_images_notes(document: Document, baseline: Compared) -> Iterator[str]:
    """Yield how many images only one of the two results has; nothing where both have the same."""
    theirs = {image for search in baseline.searches for image in search.images}
    ours = {row["image_digest"] for row in document.get("rows", ())}
    if ours and ours != theirs:
        yield (
            f"{len(theirs - ours):,} of the baseline's {len(theirs):,} images are not in the result, and "
            f"{len(ours - theirs):,} of the result's {len(ours):,} are not in the baseline; "
            f"{len(ours & theirs):,} are in both"
        )
