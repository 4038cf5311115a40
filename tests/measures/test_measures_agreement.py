"""Krippendorff's alpha, against the worked examples of "Computing Krippendorff's Alpha-Reliability" (2011)."""

import pytest
from modicum_server.measures.agreement import krippendorff_alpha

#: What each observer says of each unit; "." is missing.
EXAMPLES = {
    "two observers, two values": (("0100000010", "1110010000"), 0.095),
    "two observers, five values": (("aabbdcccedda", "babbbccceddd"), 0.692),
    "four observers, missing values": (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743),
}


@pytest.mark.parametrize(("rows", "alpha"), EXAMPLES.values(), ids=EXAMPLES)
def test_alpha_equals_that_of_the_published_example(rows, alpha):
    units = [[value for value in unit if value != "."] for unit in zip(*rows, strict=True)]

    assert krippendorff_alpha(units) == pytest.approx(alpha, abs=5e-4)


def test_full_agreement_is_one():
    assert krippendorff_alpha([["a", "a"], ["b", "b", "b"]]) == 1


@pytest.mark.parametrize("units", [[], [["a"], ["b"]], [["a", "a"], ["a", "a"]]], ids=["none", "alone", "one value"])
def test_alpha_is_not_defined_where_chance_agrees_as_well(units):
    assert krippendorff_alpha(units) is None
