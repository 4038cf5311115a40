"""The size of a subset in pixels of the canvas."""

from modicum_server.measures.measure import Measured, quantile_measure
from modicum_server.measures.measure_sets import POSITIVE, MeasureSet, Title
from modicum_server.measures.observations import Observations


def subset_size(seen: Observations) -> Measured:
    """Return `subset_size_median`, over the same images as the subset fraction."""
    return {
        "subset_size_median": quantile_measure(
            seen.size[seen.measured],
            0.5,
            unit="pixels",
            level=seen.level,
            empty=seen.nothing_measured,
            parameters={"canvas_pixels": seen.canvas.pixels},
        )
    }


MEASURE_SET = MeasureSet(subset_size, {"subset_size_median": Title("Subset size, median", range=POSITIVE)})
