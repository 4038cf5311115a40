"""Versions of one audit are compared in pairs on the same images."""

from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.models import InputDropout
from modicum_server.domain.searches import Fill, Search, SearchMethod

from tests.measures.example_audit import (
    INPUT,
    OTHER_VERSION,
    SEARCH,
    VERSION,
    document_and_rows,
    failed,
    finding,
    not_eligible,
    version,
)

BOTH = (VERSION, OTHER_VERSION)


def pair_of(ours, theirs, **document):
    written, _ = document_and_rows([*ours, *theirs], versions=BOTH, **document)
    (pair,) = written["comparisons"]
    return pair


def of_other(one):
    return replace(one, model_version=OTHER_VERSION)


def test_the_ratio_is_the_geometric_mean_over_images_searched_with_both():
    ours = [finding(0, 4), finding(1, 9), finding(2, 5), failed(3)]
    theirs = [finding(0, 2), finding(1, 3), not_eligible(2), finding(3, 1)]

    pair = pair_of(ours, map(of_other, theirs))

    assert (pair["first"], pair["second"], pair["search_index"]) == (VERSION, OTHER_VERSION, 0)
    ratio = pair["measures"]["subset_fraction_ratio"]
    assert ratio["value"] == pytest.approx(np.sqrt(2 * 3))
    assert (ratio["n"], ratio["unit"], ratio["interval"]) == (2, "ratio", None)


def test_pairs_are_of_one_image_whatever_the_order_of_the_rows():
    ours = [finding(place, place + 2) for place in range(12)]
    theirs = [finding(place, place + 1) for place in range(12)]

    in_order = pair_of(ours, map(of_other, theirs))
    mixed = pair_of(ours[::-1], map(of_other, theirs))

    assert in_order == mixed
    expected = np.exp(np.mean([np.log((place + 2) / (place + 1)) for place in range(12)]))
    assert in_order["measures"]["subset_fraction_ratio"]["value"] == pytest.approx(expected)


def test_an_image_whose_budget_was_exhausted_counts_as_whole():
    pair = pair_of([finding(0, None, budget_exhausted=True)], [of_other(finding(0, 16))])

    assert pair["measures"]["subset_fraction_ratio"]["value"] == pytest.approx(4)


def test_the_interval_is_a_bootstrap_and_says_so():
    ours = [finding(place, 4 + place % 3) for place in range(30)]
    theirs = [finding(place, 2 + place % 2) for place in range(30)]

    ratio = pair_of(ours, map(of_other, theirs))["measures"]["subset_fraction_ratio"]

    assert ratio["interval"]["method"] == "bootstrap"
    assert ratio["interval"]["n"] == 30
    assert ratio["interval"]["low"] < ratio["value"] < ratio["interval"]["high"]


def test_the_difference_in_accuracy_is_over_images_labelled_and_scored_by_both():
    ours = [finding(0, label=0), finding(1, label=1), finding(2, label=None), failed(3)]
    theirs = [finding(0, label=0, predicted_class=1), not_eligible(1, label=1), finding(2), finding(3)]

    difference = pair_of(ours, map(of_other, theirs))["measures"]["accuracy_difference"]

    assert (difference["value"], difference["n"]) == (0.5, 2)


def test_an_impossible_comparison_says_why():
    pair = pair_of([not_eligible(0, label=None)], [of_other(finding(0, label=None))])

    assert pair["measures"]["subset_fraction_ratio"]["value"] is None
    assert "searched to its end with both" in pair["measures"]["subset_fraction_ratio"]["unavailable"]
    assert "no labelled image" in pair["measures"]["accuracy_difference"]["unavailable"]


OTHER_FILL = replace(INPUT, fill_mean=(0.485, 0.456, 0.406))


def note_of(*, fill=Fill.MEAN, **document):
    specification = replace(SEARCH, fill=fill)
    return pair_of([finding(0, 4)], [of_other(finding(0, 2))], searches=(specification,), **document)["note"]


def test_a_pair_whose_mean_fills_differ_says_so():
    note = note_of(inputs={OTHER_VERSION: OTHER_FILL})

    assert note == "the mean fill is not the same: 0.5 with tiny, version 1; 0.485/0.456/0.406 with tiny, version 2"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"inputs": {OTHER_VERSION: replace(INPUT, mean=(0.1, 0.2, 0.3), fill_mean=INPUT.mean)}},
        {"inputs": {OTHER_VERSION: OTHER_FILL}, "fill": Fill.BLACK},
    ],
    ids=["alike", "declared alike", "another fill"],
)
def test_a_pair_that_was_searched_with_one_fill_has_no_note(document):
    assert not note_of(**document)


def test_a_version_of_versions_that_declares_no_mean_fill_has_its_first_part_s():
    none = replace(INPUT, mean=(), std=())
    part = "projects/default/models/part/versions/1"

    note = note_of(
        inputs={OTHER_VERSION: none},
        sources={OTHER_VERSION: InputDropout(part, 0.8, 4, 7)},
        parts=[version(part, specification=OTHER_FILL)],
    )

    assert "0.485/0.456/0.406 with tiny, version 2" in note


def test_every_pair_under_every_search_is_compared():
    searches = (SEARCH, Search(SearchMethod.BACKSELECT, 0.9, fraction=0.5))
    versions = (VERSION, OTHER_VERSION, VERSION.replace("versions/1", "versions/3"))
    findings = [finding(0, 2, model_version=name, search_index=index) for name in versions for index in (0, 1)]

    document, _ = document_and_rows(findings, versions=versions, searches=searches)

    compared = [(pair["first"][-1], pair["second"][-1], pair["search_index"]) for pair in document["comparisons"]]
    assert compared == [(a, b, index) for a, b in (("1", "2"), ("1", "3"), ("2", "3")) for index in (0, 1)]


def test_a_single_version_has_no_comparison():
    document, _ = document_and_rows([finding(0)])

    assert document["comparisons"] == []
