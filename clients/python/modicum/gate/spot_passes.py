"""How many forward passes a spot test takes at most, by the number of images and of rows.

Beyond a few hundred images it takes fewer an image: what chooses the places does not grow, and each row copies a place
into so many images at most.
"""

CHOICE_PASSES = 11264
"""Most forward passes by which one row chooses its places. A test compares with the library."""
MOST_SCANNED = 60
"""Most images of one row that are scanned for their evidence. A test compares with the library."""
SCAN_PASSES = 99
"""Forward passes that scan one image. A test compares with the library."""
MOST_PASTED = 800
"""Most images that a place of one row is copied into. A test compares with the library."""
COVERINGS = 4
"""Images that cover a place of one source. A test compares with the library."""


def most_retest_passes(images: int, rows: int, *, with_objects: int = 0) -> int:
    """Return the most forward passes of testing the spots of so many images and rows on another version."""
    outside = most_retest_passes(with_objects, rows) if with_objects else 0
    pasting = rows * 4 * min(images, MOST_PASTED)  # here and elsewhere, at a fixed place and at an own one
    covering = 2 * 4 * COVERINGS * images  # each image is a source of its class's row and of the row of all
    return pasting + covering + outside


def most_spot_passes(images: int, rows: int, *, scanned: int | None = None, with_objects: int = 0) -> int:
    """Return the most forward passes of a spot test of so many images and rows; those with objects are tested twice.

    `scanned` is the number of images without a subset, of which alone the evidence is scanned; all where it is None.
    """
    outside = most_spot_passes(with_objects, rows) if with_objects else 0
    choosing = rows * CHOICE_PASSES
    scanning = (
        min(rows * MOST_SCANNED, 2 * (images if scanned is None else scanned)) * SCAN_PASSES
    )  # for its class's row and for the row of all
    return choosing + scanning + most_retest_passes(images, rows) + outside
