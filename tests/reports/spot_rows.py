"""Rows of a spot test on 20 cats and 20 dogs, and pictures of them."""

import io
from dataclasses import replace

from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial
from PIL import Image

from tests.measures.example_audit import SIDE, VERSION, finding

CAT_IMAGES, IMAGES = 20, 40
"""Images 0 to 19 are cats, 20 to 39 are dogs."""
CORNER = SpotPlace(SpotKind.WINDOW, 2, 3, 1, 4)
PATTERN = SpotPlace(SpotKind.PATTERN, 3, 2, 1, 4, b"\x84")
"""The first and the last pixel of its window."""
NOTHING = SpotOutcomes()
FINDINGS = [
    finding(at, predicted_class=int(at >= CAT_IMAGES), target_class=int(at >= CAT_IMAGES), label=int(at >= CAT_IMAGES))
    for at in range(IMAGES)
]


def outcomes(*, follow: bool) -> SpotOutcomes:
    cats, dogs = tuple(range(CAT_IMAGES)), tuple(range(CAT_IMAGES, IMAGES))
    return SpotOutcomes(cats, dogs, (follow,) * 20, (False,) * 20, (0,) * 20, (0,) * 20)


def rows(place: SpotPlace = CORNER, *, follow: bool = True, windows=()) -> dict[str, list[SpotRow]]:
    trial = SpotTrial(0, place, windows, outcomes(follow=follow), outcomes(follow=follow))
    return {
        VERSION: [SpotRow(None, IMAGES, (replace(trial, pasted=NOTHING, covered=NOTHING),)), SpotRow(0, 20, (trial,))]
    }


def bright(digest: str) -> bytes:
    """A grey picture; its shade follows from the digest."""
    data = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (int(digest[:2], 16),) * 3).save(data, "PNG")
    return data.getvalue()
