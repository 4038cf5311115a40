"""Whether the masks of a finding are masks of its canvas: they come from a model's process, which is not trusted."""

import zlib
from collections.abc import Iterator
from typing import Final

from modicum_server.domain.findings import Finding, Narrowing, Subset
from modicum_server.domain.searches import Canvas

#: Most masks that a finding keeps on the way to its subset, and their compressed bytes.
NARROWING_MASKS: Final = 8
NARROWING_BYTES: Final = 6 * 1024


def masks_fit(finding: Finding, canvas: Canvas) -> bool:
    """Return whether every mask has the shape of the canvas and the pixels that are stated."""
    return all(_is_subset(one, canvas) for one in _subsets_of(finding)) and (
        finding.narrowing is None or _is_narrowing(finding.narrowing, canvas)
    )


def _subsets_of(finding: Finding) -> Iterator[Subset]:
    for holder in (finding, *finding.controls.searched):
        if holder.subset is not None:
            yield holder.subset


def _is_subset(subset: Subset, canvas: Canvas) -> bool:
    shape = subset.height, subset.width
    return shape == (canvas.height, canvas.width) and _is_mask(subset.mask, subset.size, canvas)


def _is_narrowing(narrowing: Narrowing, canvas: Canvas) -> bool:
    """Return whether it is within its bounds. No more is unpacked than the stated masks need."""
    kept, each = narrowing.kept, _mask_bytes(canvas)
    if not 0 < len(kept) == len(narrowing.confidences) <= NARROWING_MASKS or len(narrowing.masks) > NARROWING_BYTES:
        return False
    try:
        data = zlib.decompressobj().decompress(narrowing.masks, max_length=each * len(kept) + 1)
    except zlib.error:
        return False
    masks = [data[start : start + each] for start in range(0, len(data), each)]
    return len(masks) == len(kept) and all(map(_is_mask, masks, kept, [canvas] * len(kept)))


def _is_mask(mask: bytes, size: int, canvas: Canvas) -> bool:
    return len(mask) == _mask_bytes(canvas) and int.from_bytes(mask).bit_count() == size


def _mask_bytes(canvas: Canvas) -> int:
    return -(-canvas.pixels // 8)
