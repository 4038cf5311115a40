"""Why a question is open: more images are advised only where a limit lies within an interval."""

import pytest
from modicum_server.reports.open_reasons import BOTH_SIDES, MORE_PASSES, open_reason


def robust(fraction, ratio, found):
    ends = {"fraction_median": fraction, "size_ratio_median": ratio, "found_share": found}
    return {
        f"fill_robust_{name}": {"n": 50, "interval": {"low": low, "high": high, "level": 0.95}}
        for name, (low, high) in ends.items()
    }


def test_sizes_that_no_number_of_images_settles_are_told_with_the_conclusion_alone():
    said = open_reason("fill_robust", "It stays open.", robust((0.1, 0.2), (1.1, 1.5), (0.8, 0.95)))

    assert (said.why, said.settled_by) == ("It stays open.", "")


@pytest.mark.parametrize(("fraction", "ratio"), [((0.04, 0.2), (1.1, 1.5)), ((0.1, 0.2), (1.5, 2.5))])
def test_more_images_are_advised_where_a_limit_lies_within_an_interval(fraction, ratio):
    assert open_reason("fill_robust", "It stays open.", robust(fraction, ratio, (0.8, 0.95))) == BOTH_SIDES


def test_more_passes_are_advised_where_the_search_found_too_few():
    assert open_reason("fill_robust", "Few.", robust((0.1, 0.2), (2.5, 3.5), (0.3, 0.6))).settled_by == MORE_PASSES


def test_a_document_without_the_measures_is_read_all_the_same():
    assert open_reason("fill_robust", "Few.", {}).settled_by == MORE_PASSES
