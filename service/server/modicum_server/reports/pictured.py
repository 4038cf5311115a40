"""The pictures of a first screen, each with what the model says of it. Knows no HTML and measures nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum_server.measures.number_words import confidence_text
from modicum_server.reports.counterfactuals import ShownPair
from modicum_server.reports.gallery import Card, Scene
from modicum_server.reports.spot_pictures import copied_spot
from modicum_server.reports.spots import ExampleImage, ordered_rows

MOST_PAIRS = 2


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


def of_spot(
    test: Mapping[str, Any], images: Mapping[tuple[str, int], ExampleImage], scene: Scene
) -> tuple[Picture, ...]:
    """Return the spot and its swap, of the worst class whose images are still stored; empty without one."""
    for row in ordered_rows(test["rows"]):
        copied = (copied_spot(test, row, example, images, scene) for example in row["examples"])
        entries = [entry for entry in copied if entry is not None]
        if entries:
            return tuple(_of_copied(max(entries, key=_clearness)))
    return ()


def _clearness(entry: Mapping[str, Any]) -> tuple[float, float]:
    """How much more often the class is lost with the place covered than with another, and follows it where pasted."""
    covered, pasted = entry["covered"], entry["pasted"]
    return _surplus(covered), _surplus(pasted)


def _surplus(counts: Mapping[str, int] | None) -> float:
    return -1.0 if counts is None else (counts["here"] - counts["elsewhere"]) / max(1, counts["pairs"])


def of_pairs(pairs: Sequence[ShownPair]) -> tuple[Picture, ...]:
    """Return pictures and their counterfactuals, side by side."""
    return tuple(
        picture
        for pair in pairs[:MOST_PAIRS]
        for picture in (
            Picture(
                pair.original,
                "",
                "",
                f"model says {pair.original_class}",
                f"{pair.item}, the original",
            ),
            Picture(pair.counterfactual, "", "", f"model says {pair.counterfactual_class}", "the same without the cue"),
        )
    )


def of_subsets(cards: Sequence[Card]) -> tuple[Picture, ...]:
    """Return photographs, each beside its subset alone."""
    return tuple(
        picture
        for card in cards
        if card.photograph
        for picture in (
            Picture(
                card.photograph,
                "",
                "",
                f"model says {card.prediction}",
                f"the photograph, confidence {card.confidence}",
            ),
            Picture(
                card.subset or card.photograph,
                card.fill_layer,
                "",
                f"model still says {card.prediction}",
                f"{card.fraction} of the pixels alone, confidence {card.verified}",
            ),
        )
    )


def _of_copied(entry: Mapping[str, Any]) -> Iterable[Picture]:
    """The pasted copy is one that was tried; the covered picture stands for the tries that its text counts."""
    pictures, outline = entry["pictures"], entry["outline"]
    source, other = entry["source"], entry["other"]
    followed = source["class"] if entry["target_class"] is None else entry["label"]
    yield Picture(pictures["photograph"], "", outline, f"model says {source['class']}", f"a picture, {_sure(source)}")
    if entry["covered"] is not None:
        lost, others = _tries(entry["covered"])
        text = f"its spot covered by pixels of other pictures; {others} with another place"
        yield Picture(pictures["covered"], "", outline, f"not {source['class']} in {lost} tries", text)
    yield Picture(pictures["other"], "", "", f"model says {other['class']}", f"another picture, {_sure(other)}")
    yield Picture(pictures["pasted"], "", outline, f"model says {followed}", _pasted(entry["pasted"]))


def _sure(image: Mapping[str, Any]) -> str:
    return f"confidence {confidence_text(image['confidence'])}"


def _tries(counts: Mapping[str, int]) -> tuple[str, str]:
    """In how many tries it happened with the place, and with another place."""
    here, elsewhere = (f"{counts[name]} of {counts['pairs']}" for name in ("here", "elsewhere"))
    return here, elsewhere


def _pasted(counts: Mapping[str, int] | None) -> str:
    if counts is None:
        return "the spot pasted onto it"
    followed, others = _tries(counts)
    return f"the spot pasted onto it; so in {followed} tries, {others} with another place"
