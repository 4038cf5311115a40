"""Every measure and every control's reading, in the order in which they are shown. Adding one is a line here."""

from modicum_server.measures.accuracy import accuracy
from modicum_server.measures.border_share import border_share
from modicum_server.measures.class_targeted import class_targeted, class_targeted_reading
from modicum_server.measures.dilated import dilated, dilated_reading
from modicum_server.measures.eligibility import eligibility
from modicum_server.measures.fill_robust import fill_robust, fill_robust_reading
from modicum_server.measures.fill_survival import fill_reading, fill_survival
from modicum_server.measures.found_share import found_share
from modicum_server.measures.mask_only import mask_only, mask_only_reading
from modicum_server.measures.measure import ControlReading, Measure, MeasureFamily, Reading
from modicum_server.measures.object_share import object_share
from modicum_server.measures.observations import Observations
from modicum_server.measures.overinterpretation import overinterpretation
from modicum_server.measures.pixel_subsets import pixel_subsets, pixel_subsets_reading
from modicum_server.measures.random_subset import random_reading, random_subset
from modicum_server.measures.shortcut import shortcut, shortcut_reading
from modicum_server.measures.subset_fraction import subset_fraction, subset_fraction_by_correctness
from modicum_server.measures.subset_size import subset_size

MEASURES: tuple[MeasureFamily, ...] = (
    overinterpretation,
    found_share,
    accuracy,
    eligibility,
    subset_fraction,
    subset_fraction_by_correctness,
    subset_size,
    border_share,
    object_share,
    class_targeted,
    fill_survival,
    fill_robust,
    dilated,
    mask_only,
    random_subset,
    shortcut,
    pixel_subsets,
)

READINGS: tuple[ControlReading, ...] = (
    class_targeted_reading,
    fill_reading,
    fill_robust_reading,
    dilated_reading,
    mask_only_reading,
    random_reading,
    shortcut_reading,
    pixel_subsets_reading,
)


def measure(seen: Observations) -> dict[str, Measure]:
    """Return every measure by name."""
    return {name: value for family in MEASURES for name, value in family(seen).items()}


def read_controls(measured: dict[str, Measure]) -> list[Reading]:
    """Return the readings of the controls that ran."""
    readings = (reading(measured) for reading in READINGS)
    return [reading for reading in readings if reading is not None]
