"""The rule of the spot test: known values by hand, and how often it errs on simulated networks."""

import math

import numpy as np
import pytest
from modicum.gate import spot_rule
from modicum.gate.spot_rule import SpotOutcome, by_source, high_end, holm, low_end, p_value_above

NOTHING = np.zeros(0)


def place(row=1, *, pasted=NOTHING, covered=NOTHING, own=False, pairs=1):
    values = (np.asarray(pasted, dtype=float), np.asarray(covered, dtype=float))
    return spot_rule.TestedPlace(row, own, *values, np.full(len(values[0]), pairs))


def outcome(*places):
    return spot_rule.judge_rows(places)[places[0].row]


def test_pairs_of_one_source_are_one_value():
    values = by_source([7, 3, 7, 3], [True, True, False, True], [False, True, False, False])

    assert values.tolist() == [0.5, 0.5]
    assert by_source([], [], []).tolist() == []


def test_ends_are_those_of_t_with_one_source_added_against_the_claim():
    # 14 zeros and a one: mean 1/15, standard error 1/15; t of 14 degrees is 1.7613
    assert high_end(np.zeros(14), 0.05) == pytest.approx((1 + 1.7613) / 15, abs=1e-4)
    # 15 zeros and a one: t of 15 degrees is 1.7531
    assert high_end(np.zeros(15), 0.05) == pytest.approx((1 + 1.7531) / 16, abs=1e-4)
    # 8 ones and a zero: mean 8/9, standard error 1/9; t of 8 degrees is 1.8595
    assert low_end(np.ones(8), 0.05) == pytest.approx((8 - 1.8595) / 9, abs=1e-4)


def test_without_values_every_end_is_open():
    assert (low_end(NOTHING, 0.05), high_end(NOTHING, 0.05)) == (-math.inf, math.inf)


def test_p_is_one_where_nothing_follows_and_small_where_all_do():
    assert p_value_above(np.zeros(30), 0.1) == 1.0
    assert p_value_above(np.ones(1), 0.1) == 1.0
    assert p_value_above(np.ones(8), 0.1) < 1e-4


def test_holm_stops_at_the_first_p_that_is_too_large():
    assert holm([0.04, 0.01, 0.02], 0.05) == [True, True, True]
    assert holm([0.04, 0.01, 0.03], 0.05) == [False, True, False]
    assert holm([], 0.05) == []


@pytest.mark.parametrize(("sources", "says"), [(8, "INCONCLUSIVE"), (12, "INCONCLUSIVE"), (13, "NONE_FOUND")])
def test_sources_that_never_follow_show_nothing_until_there_are_thirteen(sources, says):
    assert outcome(place(pasted=np.zeros(sources), covered=np.zeros(sources))) == says


def test_fewer_than_eight_sources_are_not_judged():
    assert outcome(place(pasted=np.ones(7), covered=np.ones(7))) is SpotOutcome.INCONCLUSIVE


def test_a_place_that_all_follow_is_decisive_and_one_that_only_copies_is_sufficient():
    assert outcome(place(pasted=np.ones(8), covered=np.ones(8))) is SpotOutcome.DECISIVE
    assert outcome(place(pasted=np.ones(8), covered=np.zeros(8))) is SpotOutcome.SUFFICIENT
    assert outcome(place(pasted=np.zeros(30), covered=np.ones(30))) is SpotOutcome.NONE_FOUND


@pytest.mark.parametrize(("covered", "says"), [(0, "SUFFICIENT"), (7, "SUFFICIENT"), (8, "DECISIVE")])
def test_a_place_is_not_decisive_unless_eight_sources_were_covered(covered, says):
    assert outcome(place(pasted=np.ones(30), covered=np.ones(covered))) == says


def test_what_is_found_at_one_place_stands_before_none_at_another():
    assert outcome(place(pasted=np.zeros(30)), place(pasted=np.ones(30), own=True)) is SpotOutcome.SUFFICIENT


def test_each_place_earns_an_outcome_of_its_own():
    copied, both, nothing, few = (
        place(pasted=np.ones(8), covered=np.zeros(8)),
        place(pasted=np.ones(8), covered=np.ones(8), own=True),
        place(pasted=np.zeros(30)),
        place(pasted=np.ones(3)),
    )

    earned = spot_rule.judge_places([copied, both, nothing, few])

    assert earned == ["SUFFICIENT", "DECISIVE", "NONE_FOUND", "INCONCLUSIVE"]


def test_none_is_found_only_where_every_place_says_so():
    # a place with too few sources is not tested, and keeps its class from nothing
    assert outcome(place(pasted=np.zeros(30)), place(pasted=np.zeros(3), own=True)) is SpotOutcome.NONE_FOUND


def test_a_network_is_as_strong_as_its_strongest_row_and_none_only_if_all_are():
    network = spot_rule.judge_network
    decisive, sufficient, none, unclear = SpotOutcome

    assert network({1: none, 2: sufficient, 3: decisive}) is decisive
    assert network({1: none, 2: sufficient, 3: unclear}) is sufficient
    assert network({1: none, 2: none}) is none
    assert network({1: none, 2: unclear}) is unclear
    assert network({}) is unclear


def test_the_sources_that_are_needed_would_settle_it():
    few = place(pasted=np.zeros(8))

    needed = spot_rule.sources_needed([few])

    assert needed is not None
    assert high_end(np.zeros(needed), 0.05) < spot_rule.NONE_LIMIT
    assert spot_rule.sources_needed([place(pasted=np.zeros(30))]) == 0
    assert spot_rule.sources_needed([few, place(pasted=np.ones(8))]) is None
    assert spot_rule.sources_needed([]) is None


def carried_by(carriers, *, of=30):
    """Values of sources of which so many make every other image the class, and the others none."""
    return np.array([1.0] * carriers + [0.0] * (of - carriers))


@pytest.mark.parametrize(("carriers", "pairs", "says"), [(5, 9, True), (4, 9, False), (5, 4, False), (5, 5, True)])
def test_a_place_that_few_sources_carry_is_found_where_it_is_told_which_do(carriers, pairs, says):
    found = outcome(place(pasted=carried_by(carriers), pairs=pairs))

    # 5 of 30 at a twentieth: p 0.0156, three times that is below 0.05; 4 of 30: p 0.0608. The mean alone is too small
    assert p_value_above(carried_by(carriers), spot_rule.PASTED_LIMIT) > spot_rule.ALPHA
    assert (found is SpotOutcome.SUFFICIENT) is says


def test_a_carrier_makes_half_of_the_others_the_class_in_five_pairs_or_more():
    tested = spot_rule.TestedPlace(1, False, np.array([1.0, 0.5, 0.4, 1.0]), NOTHING, np.array([5, 6, 9, 4]))

    assert tested.carriers == (2, 3)
    assert spot_rule.p_of_carriers(0, 30) == 1.0
    assert spot_rule.p_of_carriers(30, 30) == pytest.approx(0.05**30)


def test_pairs_are_counted_in_the_order_of_the_values():
    assert spot_rule.pairs_by_source([7, 3, 7, 7]).tolist() == [1, 3]
    assert by_source([7, 3, 7, 7], [True, False, True, True], [False] * 4).tolist() == [0.0, 1.0]


def simulated(draw, shares, *, pairs=4):
    """The differences of sources, each with its own share of pairs that follow."""
    return draw.binomial(pairs, shares) / pairs


@pytest.mark.parametrize("pairs", [4, 5, 6, 9])
def test_at_most_a_twentieth_of_networks_whose_places_move_eight_per_cent_are_flagged(pairs):
    draw = np.random.default_rng(0)

    def flagged():
        places = [
            place(
                row,
                pasted=simulated(draw, np.full(30, 0.08), pairs=pairs),
                covered=np.ones(30),
                own=own,
                pairs=pairs,
            )
            for row in range(1, 11)
            for own in (False, True)
        ]
        return bool(spot_rule.FOUND & set(spot_rule.judge_rows(places).values()))

    assert np.mean([flagged() for _ in range(200)]) <= 0.05


def test_cues_that_half_of_the_sources_carry_are_found():
    draw = np.random.default_rng(1)

    def found():
        places = [place(row, pasted=simulated(draw, np.full(30, 0.02))) for row in range(2, 11)]
        cue = place(1, pasted=draw.random(30) < 0.5)
        return spot_rule.judge_rows([cue, *places])[1] in spot_rule.FOUND

    assert np.mean([found() for _ in range(200)]) >= 0.9


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_upper_ends_cover_the_share_of_sources_that_differ(share):
    draw = np.random.default_rng(2)

    def covers():
        return high_end(simulated(draw, draw.beta(share * 2, (1 - share) * 2, 30)), 0.05) >= share

    assert np.mean([covers() for _ in range(600)]) >= 0.95
