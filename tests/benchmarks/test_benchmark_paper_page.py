"""The page of the paper's table says in words what was measured."""

import pytest

from benchmarks import results
from benchmarks.paper import accuracy, mitigation, run
from benchmarks.paper.directions import Outcome, above, at_most, below, directions
from benchmarks.paper.extent import QUICK
from benchmarks.paper.material import ensemble_of
from benchmarks.paper.page import PAGE, page_text, write_page
from benchmarks.paper.sufficiency import KINDS
from tests.benchmarks.paper_network import interval, measured, photographs


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.1, 0.3, Outcome.SAME),
        (-0.3, -0.1, Outcome.DIFFERENT),
        (-0.1, 0.1, Outcome.OPEN),
        (None, -0.1, Outcome.DIFFERENT),
        (None, None, Outcome.OPEN),
    ],
)
def test_what_lies_above_a_limit_is_decided_by_the_whole_interval(low, high, outcome):
    assert above(interval(low, high), 0) is outcome


def test_what_is_small_is_decided_by_the_whole_interval():
    assert [at_most(interval(*ends), 0.05) for ends in ((0.01, 0.05), (0.06, 0.1), (0.01, 0.1), (0.01, None))] == [
        Outcome.SAME,
        Outcome.DIFFERENT,
        Outcome.OPEN,
        Outcome.OPEN,
    ]


def test_of_two_groups_one_is_smaller_where_their_intervals_are_apart():
    few = {"value": 0.1, "n": 3, "interval": None}

    assert below(interval(0.1, 0.2), interval(0.3, 0.4)) is Outcome.SAME
    assert below(interval(0.3, 0.4), interval(0.1, 0.2)) is Outcome.DIFFERENT
    assert below(interval(0.1, 0.3), interval(0.2, 0.4)) is Outcome.OPEN
    assert below(few, interval(0.2, 0.4)) is Outcome.OPEN


def test_the_page_says_in_plain_words_where_ours_differs(network, tmp_path):
    brightness = [1.0 - place / 1000 for place in range(12)]
    row = accuracy.measure(network, photographs(*brightness))
    held, lost = (
        {**row, "subsets_less_full": {**row["subsets_less_full"], **interval(*ends)}}
        for ends in ((-0.01, 0.02), (-0.4, -0.2))
    )
    part = measured([held, lost])

    write_page({"parts": {"accuracy": part}}, tmp_path)

    page = (tmp_path / PAGE).read_text()
    assert [each.outcome for each in directions({"accuracy": part})][::2] == [Outcome.SAME, Outcome.DIFFERENT]
    assert "- **Ours differs**, Corner, batched_gradient, k = 16: on the 5% that this search leaves" in page
    assert (tmp_path / "docs" / "images" / "paper-curves.png").stat().st_size > 0
    assert "Not measured yet: `make bench PART=paper`." in page


@pytest.mark.long
def test_the_page_says_what_a_temperature_does_and_what_the_verdict_is(network):
    both = (network, network)
    brightness = [1.0 - place / 1000 for place in range(10)]
    figures = mitigation.measure(both, ensemble_of(both, (0.0,)), photographs(*brightness), 10, QUICK)
    figures["ratios"][-1]["temperatures"] = [0.9, 1.2]

    page = page_text({"parts": {"mitigation": measured(figures), "accuracy": measured([])}})

    prose = " ".join(page.split())
    assert "as in the ensemble: Corner sharpened (0.90), Corner softened (1.20)." in prose
    verdict = "**INCONCLUSIVE** (no out-of-distribution data set): fewer than 30 images"
    assert f"- mask_optimization, 300 passes: {verdict}" in page
    assert "The whole part took 2 minutes" in page


def choices_part(weak, strong):
    part = measured([])
    part["figures"] = [
        {
            **dict.fromkeys(("full", "random", "same_class", "confidence", "subsets_less_random"), measure),
            "name": "Net",
            "search": search,
            "n": 40,
            "passes": 100.0,
            "subsets": {**measure, "value": value},
            "subsets_less_full": interval(*ends),
        }
        for measure in ({"value": 0.9, "n": 40, "interval": None},)
        for search, value, ends in (
            ("mask_optimization, 100 passes", 0.9, strong),
            ("batched_gradient, k = 16", 0.2, weak),
        )
    ]
    return part


def test_where_a_strong_search_keeps_what_a_weak_one_loses_the_page_names_the_search_as_the_cause():
    page = " ".join(page_text({"parts": {"choices": choices_part((-0.8, -0.6), (-0.02, 0.02))}}).split())

    assert "5% subsets is 20% (Net) by batched_gradient, and 90% (Net) by mask_optimization" in page
    assert "So the weak search is the cause" in page


@pytest.mark.parametrize(("weak", "strong"), [((-0.1, 0.1), (-0.02, 0.02)), ((-0.8, -0.6), (-0.1, 0.1))])
def test_where_that_is_open_the_page_names_no_cause(weak, strong):
    assert "is the cause" not in page_text({"parts": {"choices": choices_part(weak, strong)}})


def test_rows_of_one_statement_count_once():
    page = " ".join(page_text({"parts": {"choices": choices_part((-0.8, -0.6), (-0.02, 0.02))}}).split())

    assert (
        "Of 2 statements, 0 agree with the paper in every row that is not open, 0 differ in every such row, 1 depend "
        "on the search or the network, and 1 are open in every row."
    ) in page


def test_the_committed_page_is_that_of_the_committed_figures():
    figures = results.read(results.ROOT / run.RESULTS)

    assert figures["parts"]
    assert (results.ROOT / PAGE).read_text() == page_text(figures)
    assert [kind for kind in KINDS if kind not in page_text(figures)] == []
