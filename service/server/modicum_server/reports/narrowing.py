"""The steps of a card's slider: how the pixels become fewer, from the whole image to the subset. Knows no HTML.

Each step is a layer above the photograph, with its pixels and the confidence in words. A fill that is no plain colour
is shown as grey, as on the rest of the card; blur is a picture of its own, and has no steps.
"""

import zlib
from dataclasses import dataclass

from modicum_server.domain.findings import Finding, Narrowing, Subset
from modicum_server.measures.masks import mask_of_bits
from modicum_server.measures.number_words import confidence_text, share_text
from modicum_server.reports import panels
from modicum_server.reports.wording import pixels_text


@dataclass(frozen=True, slots=True)
class Step:
    """A layer (a data: address), and how many pixels it leaves at which confidence.

    The first step, the whole image, and the last, the subset, have no layer: the card shows them without a script.
    """

    layer: str
    text: str


def steps_of(finding: Finding, colour: tuple[int, int, int]) -> tuple[Step, ...]:
    """Return the steps, from the whole image to the subset; none where the search met no mask on the way."""
    narrowing, subset = finding.narrowing, finding.subset
    if narrowing is None or subset is None:
        return ()
    whole = subset.height * subset.width
    on_the_way = zip(_masks(narrowing, subset), narrowing.kept, narrowing.confidences, strict=True)
    return (
        Step("", _text(whole, whole, finding.confidence)),
        *(Step(panels.fill_layer_uri(mask, colour), _text(kept, whole, sure)) for mask, kept, sure in on_the_way),
        Step("", _text(subset.size, whole, finding.verified_confidence)),
    )


def _masks(narrowing: Narrowing, subset: Subset) -> list[panels.Mask]:
    """The masks (H, W); as many as are stated, however much more the compressed bytes hold."""
    each = (subset.height * subset.width + 7) // 8
    data = zlib.decompressobj().decompress(narrowing.masks, max_length=each * len(narrowing.kept))
    starts = range(0, each * len(narrowing.kept), each)
    return [mask_of_bits(data[start : start + each], subset.height, subset.width) for start in starts]


def _text(kept: int, whole: int, confidence: float) -> str:
    return f"{pixels_text(kept)} ({share_text(kept / whole)}), confidence {confidence_text(confidence)}"
