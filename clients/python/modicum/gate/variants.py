"""Variants that are scored on the whole image, by their names in findings and rows. The server has them from here."""

RING_FILLED = "ring_filled"
BAND_FILLED = "band_filled"
OUTSIDE_FILLED = "outside_filled"
OBJECTS_FILLED = "objects_filled"
COMPARED_WITH = {RING_FILLED: BAND_FILLED, OUTSIDE_FILLED: OBJECTS_FILLED}
"""What each variant of the shortcut control is compared with."""
OF_WHOLE_IMAGES = frozenset({*COMPARED_WITH, *COMPARED_WITH.values()})
"""Variants of the whole image, scored whether there is a subset or not; all others are of the subset."""
