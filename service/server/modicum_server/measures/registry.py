"""Every measure of the result, in the order in which they are shown. A new measure is its module and a line here.

A module of measures defines a function of `Observations`, and a `MeasureSet` that names the measures and the reading of
their control. Its line in `MEASURE_SETS` puts them into the result document, the command's table, the page and, if they
have groups, the tables by class. A measure of two versions is a `PairMeasureSet`, with a line in `PAIRS`. A list across
versions in the document is a `DocumentList`, with a line in `DOCUMENT_LISTS`. Its readers decide where else it is
shown.
"""

from dataclasses import replace

from modicum_server.measures import (
    accuracy,
    border_share,
    class_targeted,
    comparisons,
    counterfactuals,
    dilated,
    eligibility,
    fill_robust,
    fill_survival,
    found_share,
    mask_only,
    mitigation,
    object_share,
    overinterpretation,
    pixel_subsets,
    random_subset,
    shortcut,
    spot_comparisons,
    spots,
    subset_fraction,
    subset_size,
    transfer,
)
from modicum_server.measures.document_lists import Audited, DocumentList
from modicum_server.measures.fill_notes import differing_fills
from modicum_server.measures.measure import Measured, Reading
from modicum_server.measures.measure_sets import MeasureSet, PairMeasureSet, Titles
from modicum_server.measures.observations import Observations

MEASURE_SETS: tuple[MeasureSet, ...] = (
    overinterpretation.MEASURE_SET,
    found_share.MEASURE_SET,
    subset_fraction.MEASURE_SET,
    eligibility.MEASURE_SET,
    accuracy.MEASURE_SET,
    subset_fraction.BY_CORRECTNESS,
    subset_size.MEASURE_SET,
    border_share.MEASURE_SET,
    object_share.MEASURE_SET,
    class_targeted.MEASURE_SET,
    fill_survival.MEASURE_SET,
    fill_robust.MEASURE_SET,
    dilated.MEASURE_SET,
    mask_only.MEASURE_SET,
    random_subset.MEASURE_SET,
    shortcut.MEASURE_SET,
    pixel_subsets.MEASURE_SET,
)

PAIRS: tuple[PairMeasureSet, ...] = (comparisons.MEASURE_SET,)


def measure(seen: Observations) -> Measured:
    """Return every measure of one version under one search by name."""
    return {name: value for one in MEASURE_SETS for name, value in one.measures(seen).items()}


def read_controls(measured: Measured) -> list[Reading]:
    """Return the readings of the controls that ran beside one search."""
    readings = (one.reading(measured) for one in MEASURE_SETS if one.reading is not None)
    return [reading for reading in readings if reading is not None]


def compare(first: Observations, second: Observations) -> Measured:
    """Return every measure of a pair by name."""
    return {name: value for one in PAIRS for name, value in one.measures(first, second).items()}


def compared(audited: Audited) -> list[comparisons.Comparison]:
    """Return every pair of versions under every search."""
    names = audited.specification.model_versions
    ran = {index: audited.ran(index) for index in range(len(audited.specification.searches))}
    searches, known = audited.specification.searches, audited.known

    def note(first: str, second: str, index: int) -> str:
        return differing_fills([known[first], known[second]], searches[index], known)

    pairs = comparisons.compare_all(names, ran, audited.seen, compare, note)
    return [replace(pair, measures={**pair.measures, **_on_same_spots(audited, pair)}) for pair in pairs]


def _on_same_spots(audited: Audited, pair: comparisons.Comparison) -> Measured:
    """Return the measures of the spots of the first version on both; none where they were not tested."""
    tested = audited.retests.get((pair.first, pair.second), ())
    if not tested or pair.search_index != audited.spot_search:
        return {}
    first, second = (audited.seen[name, pair.search_index] for name in (pair.first, pair.second))
    names = audited.known[pair.first].class_labels
    return spot_comparisons.spot_comparison(first, second, audited.spots[pair.first], tested, names)


DOCUMENT_LISTS: tuple[DocumentList, ...] = (
    mitigation.DOCUMENT_LIST,
    transfer.DOCUMENT_LIST,
    spots.DOCUMENT_LIST,
    counterfactuals.DOCUMENT_LIST,
)


def measure_titles() -> Titles:
    """Return the titles of the measures of one version under one search, in the order in which they are shown."""
    return {name: title for one in MEASURE_SETS for name, title in one.titles.items()}


def pair_titles() -> Titles:
    """Return the titles of the measures of pairs, in the order in which they are shown."""
    sets = (*(one.titles for one in PAIRS), spot_comparisons.TITLES)
    return {name: title for titles in sets for name, title in titles.items()}
