"""A measure for the images of each class. Must not know which measure."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from modicum.gate.class_rules import MOST_CLASSES
from numpy.typing import NDArray

from modicum_server.measures.measure import Measure
from modicum_server.measures.observations import UNKNOWN, Booleans


def by_class(
    take: Callable[[Booleans], Measure],
    where: Booleans,
    classes: NDArray[np.int64],
    *,
    most_classes: int = MOST_CLASSES,
) -> Measure:
    """Return `take` of the images of `where`. Its groups are the same measure for each class, by class index.

    Beyond `most_classes` the parameter `classes_left_out` counts the others. Classes with the most images stay; of
    equally many images the lower index stays.
    """
    whole = take(where)
    found, images = np.unique(classes[where & (classes != UNKNOWN)], return_counts=True)
    kept = np.sort(found[np.lexsort((found, -images))][:most_classes])
    left_out = {"classes_left_out": len(found) - len(kept)} if len(found) > len(kept) else {}
    groups = {str(index): take(where & (classes == index)) for index in kept}
    return replace(whole, groups=groups, parameters={**whole.parameters, **left_out})
