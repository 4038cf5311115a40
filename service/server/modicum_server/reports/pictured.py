"""The pictures of a first screen, each with what the model says of it. Knows no HTML and measures nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from modicum_server.measures.number_words import confidence_text
from modicum_server.measures.spot_words import COPIED, COVERED, compared_text
from modicum_server.reports.counterfactuals import ShownPair
from modicum_server.reports.gallery import Card, Scene
from modicum_server.reports.spot_claims import named
from modicum_server.reports.spot_pictures import copied_spot
from modicum_server.reports.spots import ExampleImage

MOST_PAIRS = 2
MOST_CLASSES = 3
"""Classes whose spots are shown."""
CLEAREST = "This is the strongest of the stored examples of this class, not a typical one."
OF_EACH = "Of each class: a picture with its spot outlined, and that spot pasted onto a picture of another class."
DESCRIBED = "The fewest pixels found that keep the model's answer."
"""Beside pictures of subsets."""
NO_FAULT = (
    "Nearly every network has such small subsets, good ones too, so they are no fault by themselves. Your policy can "
    "limit the share of images with one."
)
"""Beside pictures of subsets of at most alpha, which look like a fault to who sees them first."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture (a data: address), a layer above it or "", and an SVG path on the canvas or "".

    `title` is what the model says; `text` says of what.
    """

    uri: str
    layer: str
    outline: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Pictures, and what a reader must know before (`lead`) and after seeing them (`note`); empty without pictures."""

    pictures: tuple[Picture, ...] = ()
    lead: str = ""
    note: str = ""


def of_spots(test: Mapping[str, Any], images: Mapping[tuple[str, int], ExampleImage], scene: Scene) -> Shown:
    """Return the spots of the worst classes whose images are still stored, pasted; of a single one its swap, too."""
    rows = named([row for row in test["rows"] if row["examples"]])
    told = ((row["outcome"], entry) for row in rows if (entry := _clearest(test, row, images, scene)) is not None)
    first = next(told, None)
    if first is None:
        return Shown()
    others = islice((entry for outcome, entry in told if outcome == first[0]), MOST_CLASSES - 1)
    entries = [first[1], *others]
    if len(entries) == 1:
        return Shown(tuple(_of_copied(entries[0])), note=CLEAREST)
    return Shown(tuple(picture for entry in entries for picture in _source_and_copy(entry)), OF_EACH)


def of_pairs(pairs: Sequence[ShownPair]) -> Shown:
    """Return pictures and their counterfactuals, side by side."""
    return Shown(tuple(picture for pair in pairs[:MOST_PAIRS] for picture in _of_pair(pair)))


def of_subsets(cards: Sequence[Card], alpha: float) -> Shown:
    """Return photographs, each beside its subset alone; `alpha` is the largest fraction that counts as small."""
    drawn = [card for card in cards if card.photograph]
    if not drawn:
        return Shown()
    are_small = all(card.facts.fraction <= alpha for card in drawn)
    pictures = tuple(picture for card in drawn for picture in _of_card(card))
    return Shown(pictures, f"{DESCRIBED} {NO_FAULT}" if are_small else DESCRIBED)


def _clearest(
    test: Mapping[str, Any],
    row: Mapping[str, Any],
    images: Mapping[tuple[str, int], ExampleImage],
    scene: Scene,
) -> Mapping[str, Any] | None:
    """The example of a row where the spot does most; None where the images of all are gone."""
    copied = (copied_spot(test, row, example, images, scene) for example in row["examples"])
    return max((entry for entry in copied if entry is not None), key=_clearness, default=None)


def _clearness(entry: Mapping[str, Any]) -> tuple[float, float]:
    """How much more often the class is lost with the spot covered than in comparison, and follows it if pasted."""
    covered, pasted = entry["covered"], entry["pasted"]
    return _surplus(covered), _surplus(pasted)


def _surplus(counts: Mapping[str, int] | None) -> float:
    return -1.0 if counts is None else (counts["here"] - counts["elsewhere"]) / max(1, counts["pairs"])


def _of_pair(pair: ShownPair) -> Iterator[Picture]:
    yield Picture(pair.original, "", "", f"model says {pair.original_class}", f"{pair.item}, the original")
    yield Picture(pair.counterfactual, "", "", f"model says {pair.counterfactual_class}", "its counterfactual")


def _of_card(card: Card) -> Iterator[Picture]:
    said, seen = f"model says {card.prediction}", f"the whole picture, confidence {card.confidence}"
    yield Picture(card.photograph, "", "", said, seen)
    kept = f"{card.size} ({card.fraction}) alone, confidence {card.verified}"
    yield Picture(card.subset or card.photograph, card.fill_layer, "", f"model still says {card.prediction}", kept)


def _source_and_copy(entry: Mapping[str, Any]) -> Iterator[Picture]:
    """The picture that a spot was copied from, and the copy."""
    pictures, outline, other = entry["pictures"], entry["outline"], entry["other"]
    yield Picture(pictures["photograph"], "", outline, f"model says {entry['source']['class']}", _sure(entry["source"]))
    before = f"with that spot pasted; before, {other['class']}"
    yield Picture(pictures["pasted"], "", outline, f"model says {entry['label']}", before)


def _of_copied(entry: Mapping[str, Any]) -> Iterable[Picture]:
    """The pasted copy is one that was tried; the covered picture stands for the tries that its text counts."""
    pictures, outline = entry["pictures"], entry["outline"]
    source, other = entry["source"], entry["other"]
    followed = source["class"] if entry["target_class"] is None else entry["label"]
    yield Picture(pictures["photograph"], "", outline, f"model says {source['class']}", f"a picture, {_sure(source)}")
    if entry["covered"] is not None:
        lost, others = _tries(entry["covered"])
        compared = compared_text([entry["place"]["kind"]], COVERED, matched=entry["matched"])
        text = f"its spot covered with pixels of other pictures; with {compared}: {others}"
        yield Picture(pictures["covered"], "", outline, f"not {source['class']} in {lost} tries", text)
    yield Picture(pictures["other"], "", "", f"model says {other['class']}", f"another picture, {_sure(other)}")
    yield Picture(pictures["pasted"], "", outline, f"model says {followed}", _pasted(entry))


def _sure(image: Mapping[str, Any]) -> str:
    return f"confidence {confidence_text(image['confidence'])}"


def _tries(counts: Mapping[str, int]) -> tuple[str, str]:
    """In how many tries it happened with the spot, and with what it is compared with."""
    here, elsewhere = (f"{counts[name]} of {counts['pairs']}" for name in ("here", "elsewhere"))
    return here, elsewhere


def _pasted(entry: Mapping[str, Any]) -> str:
    if entry["pasted"] is None:
        return "the spot pasted onto it"
    followed, others = _tries(entry["pasted"])
    compared = compared_text([entry["place"]["kind"]], COPIED, matched=entry["matched"])
    return f"the spot pasted onto it: {followed} tries; with {compared}: {others}"
