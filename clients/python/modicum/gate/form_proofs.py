"""Which version of the form a result must at least be of, by keys that older forms do not have. Judges nothing.

Results of older versions are compared less, and judged by fewer demands. So a result that says to be older than its
keys is refused. One from which all of these keys were removed, too, is not noticed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.differing import Differences

Document = Mapping[str, Any]
OF_A_DATASET = {"with_labels": 5, "with_boxes": 5, "with_masks": 5, "erased": 4, "left_out": 4, "pictures": 2}
"""Keys of `dataset`, with the version of the form that all releases with this key write at least."""
BESIDE_PICTURES = ("erased", "left_out")
"""Keys of `dataset` that no release wrote without `pictures`."""
EXCESS = "shortcut_accuracy_excess"
"""A measure that came with version 3."""


def older_than_its_keys(document: Document) -> Differences:
    """Yield where a result says to be of an older release than its keys."""
    said = document["schema_version"]
    proven = max((version for version, _ in _proofs(document)), default=1)
    if said < proven:
        key = next(key for version, key in _proofs(document) if version == proven)
        yield "schema_version", said, f"{proven}, by the key {key},"
    dataset = document["dataset"]
    for key in BESIDE_PICTURES:
        if key in dataset and "pictures" not in dataset:
            yield "dataset.pictures", "missing", f"one, by the key dataset.{key},"


def _proofs(document: Document) -> Iterator[tuple[int, str]]:
    for key, version in OF_A_DATASET.items():
        if key in document["dataset"]:
            yield version, f"dataset.{key}"
    for at, model in enumerate(document["models"]):
        if "members" in model:
            yield 5, f"models[{at}].members"
        for index, search in enumerate(model["searches"]):
            if EXCESS in search["measures"]:
                yield 3, f"models[{at}].searches[{index}].measures.{EXCESS}"
