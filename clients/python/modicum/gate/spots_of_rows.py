"""Whether the spot tests of a result are of the images that its rows tell of. Judges nothing.

A spot test of another result can be put in the place of one that found something. Its sources then are images that the
rows say to be of other classes, or there are more or fewer of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from modicum.gate.copies import counted_rows, counts_pictures
from modicum.gate.count_bounds import TRIALS, is_on_all
from modicum.gate.differing import Differences, differing

Document = Mapping[str, Any]


def spots_of_other_images(document: Document) -> Differences:
    """Yield where a spot test names sources, or a number of them, that the rows of its version do not have.

    How many there are is compared where the test took place on all images and none was erased since. Results of older
    releases count copies of a picture in their rows, so none of theirs is compared.
    """
    if not counts_pictures(document):
        return
    rows = counted_rows(document)
    for at, test in enumerate(document.get("spots", ())):
        predicted = {
            row["position"]: row["predicted_class"]
            for row in rows
            if row["model_version"] == test["model_version"] and row["predicted_class"] is not None
        }
        for number, row in enumerate(test["rows"]):
            path = f"spots[{at}].rows[{number}]"
            if is_on_all(document):
                yield from differing(f"{path}.sources", row["sources"], _count(row["target_class"], predicted))
            yield from _of_other_classes(path, row, predicted)


def _count(target_class: int | None, predicted: Mapping[int, int]) -> int:
    return len(predicted) if target_class is None else Counter(predicted.values())[target_class]


def _of_other_classes(path: str, row: Document, predicted: Mapping[int, int]) -> Differences:
    if row["target_class"] is None:
        return
    places: Sequence[Document] = row["places"]
    for at, place in enumerate(places):
        for name in TRIALS:
            for source in sorted({one["source"] for one in place[name] if "source" in one}):
                path_of = f"{path}.places[{at}].{name}: the predicted class of image {source}"
                yield from differing(path_of, row["target_class"], predicted.get(source))
