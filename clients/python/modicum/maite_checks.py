"""Checks of models and data sets of MAITE, and their parts in one form. Errors are in the words of MAITE."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from modicum.arguments import checked_list
from modicum.errors import InvalidArgument

Array = np.ndarray[Any, Any]
ITEM_PARTS = 3
NUMBERS = frozenset("buif")
"""Kinds of numpy's types that are numbers of a picture or a score."""


def label_of(target: Array, name: str = "the target") -> int | None:
    """The class that a target names: its only maximum. None if there is no target, or if it names no class.

    Raises:
        InvalidArgument: it is the number or the name of a class instead of a score for each class.
    """
    if target.shape == () and target.item() is None:
        return None
    if target.ndim != 1 or target.size == 1 or target.dtype.kind not in NUMBERS:
        shown = repr(target.item()) if target.size == 1 else f"an array of {target.shape}, {target.dtype}"
        raise InvalidArgument(
            f"{name}: expected a target with a score for each class, such as [0, 1, 0]; got {shown}. For the number "
            "of a class, give numpy.eye(CLASSES)[number]"
        )
    if not target.size or np.count_nonzero(target == target.max()) != 1:
        return None
    return int(target.argmax())


def parts_of(item: Any, index: int) -> tuple[Any, Any, Mapping[str, Any]]:
    """An item of a data set as its image, target and metadata.

    Raises:
        InvalidArgument: it is something else.
    """
    is_whole = isinstance(item, (tuple, list)) and len(item) == ITEM_PARTS
    if not is_whole or not isinstance(item[2], Mapping):
        kinds = f"({', '.join(type(part).__name__ for part in item)})" if isinstance(item, (tuple, list)) else ""
        raise InvalidArgument(
            f"dataset[{index}]: expected (image, target, metadata), metadata as a dictionary; got "
            f"{kinds or type(item).__name__}. Give {{}} where there are no metadata"
        )
    image, target, metadata = item
    return image, target, metadata


def checked_indices(indices: Iterable[int] | None, count: int) -> Sequence[int]:
    """The numbers of the images, of which there is at least one.

    Raises:
        InvalidArgument: a number is none of the data set's, or there is no image.
    """
    if not count:
        raise InvalidArgument("dataset: expected at least one image, got none")
    if indices is None:
        return range(count)
    chosen = checked_list(indices, "indices", "numbers of images, e.g. [0, 5]")
    for one in chosen:
        if not isinstance(one, (int, np.integer)) or not 0 <= one < count:
            raise InvalidArgument(f"indices: expected numbers from 0 to {count - 1}, got {one!r}")
    if not chosen:
        raise InvalidArgument("indices: expected at least one number, got none; leave it out for all images")
    return [int(one) for one in chosen]


def checked_bounds(bounds: object) -> tuple[float, float]:
    """The lowest and the highest value of a picture.

    Raises:
        InvalidArgument: it is not two increasing numbers.
    """
    pair = np.asarray(bounds)
    if pair.shape != (2,) or pair.dtype.kind not in NUMBERS or not pair[0] < pair[1]:
        raise InvalidArgument(
            "bounds: expected the lowest and the highest value of a picture, such as (0, 1) or (0, 255); got "
            f"{bounds!r}"
        )
    return float(pair[0]), float(pair[1])


def names_of(given: Any, kind: str) -> dict[int, str]:
    """The names of the classes by their numbers; empty if they have none.

    Raises:
        InvalidArgument: `index2label` is something else.
    """
    names = given.metadata.get("index2label") or {}
    try:
        pairs = (
            dict(names) if isinstance(names, Mapping) else dict(enumerate(checked_list(names, "index2label", "names")))
        )
        return {int(number): str(name) for number, name in pairs.items()}
    except (ValueError, TypeError, InvalidArgument) as error:
        raise InvalidArgument(
            f"{kind}: expected index2label in the metadata as names by the numbers of their classes, such as "
            f"{{0: 'cat', 1: 'dog'}}; got {names!r:.200}"
        ) from error


def checked_names(model: Any, dataset: Any) -> dict[int, str]:
    """The names of the classes: those of the model, else those of the data set.

    Raises:
        InvalidArgument: a class has another number in the data set than in the model, so labels cannot be compared.
    """
    predicted, labelled = names_of(model, "model"), names_of(dataset, "dataset")
    numbers = {name: number for number, name in predicted.items()}
    for number, name in labelled.items():
        if name in numbers and predicted.get(number) != name:
            raise InvalidArgument(
                f"dataset: index2label calls class {number} {name!r}, which is class {numbers[name]} of the model; "
                "give both one order of classes"
            )
    return predicted or labelled


def array_of(value: Any) -> Array:
    """Anything that MAITE calls an array, also a tensor with a gradient or on another device."""
    return np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)


def require(value: Any, name: str, *methods: str) -> None:
    """Refuse what has not the form of MAITE's protocol.

    Raises:
        InvalidArgument
    """
    missing = [method for method in methods if not callable(getattr(value, method, None))]
    metadata = getattr(value, "metadata", None)
    if not isinstance(metadata, Mapping) or "id" not in metadata:
        missing.append("metadata with an id")
    if missing:
        raise InvalidArgument(
            f"{name}: expected a {name} of MAITE's image classification; {type(value).__name__} lacks "
            f"{' and '.join(missing)}"
        )
