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


@pytest.mark.parametrize(
    ("followed", "pairs", "may"),
    [
        pytest.param([0.09] * 30, 5, False, id="a mean below the limit"),
        pytest.param([0.12] * 30, 5, True, id="a mean above it"),
        pytest.param([0.8] * 3 + [0.0] * 27, 5, True, id="carriers on a tenth, with a mean of 8%"),
        pytest.param([0.8] * 3 + [0.0] * 27, 4, False, id="of too few pairs"),
        pytest.param([0.8] + [0.0] * 29, 5, False, id="no more carriers than luck brings"),
        pytest.param([], 5, False, id="nothing"),
    ],
)
def test_sources_may_show_a_place_to_decide_by_their_mean_or_by_carriers(followed, pairs, may):
    assert place(pasted=np.array(followed), pairs=pairs).may_be_found is may


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


@pytest.mark.parametrize(("carriers", "pairs", "says"), [(6, 9, True), (5, 9, False), (6, 4, False), (6, 6, True)])
def test_a_place_that_few_sources_carry_is_found_where_it_is_told_which_do(carriers, pairs, says):
    found = outcome(place(pasted=carried_by(carriers), pairs=pairs))

    # 9 pairs: 5.9% are seen by luck at most. 6 of 30: p 0.0076, three times that is below 0.05; 5 of 30: p 0.0278.
    # 6 pairs: 6.1%, p 0.0088. The mean alone is too small
    assert p_value_above(carried_by(carriers), spot_rule.PASTED_LIMIT) > spot_rule.ALPHA
    assert (found is SpotOutcome.SUFFICIENT) is says


def test_words_count_sources_that_make_half_of_the_others_the_class_in_five_pairs_or_more():
    tested = spot_rule.TestedPlace(1, False, np.array([1.0, 0.5, 0.4, 1.0]), NOTHING, np.array([5, 6, 9, 4]))

    assert tested.carriers == (2, 3)


@pytest.mark.parametrize(("followed", "says"), [(6, True), (5, False)])
def test_a_carrier_is_seen_where_three_quarters_of_its_copies_are_followed(followed, says):
    found = outcome(place(pasted=carried_by(7) * followed / 8, pairs=8))

    assert (found is SpotOutcome.SUFFICIENT) is says


def test_the_p_of_carriers_is_the_tail_at_what_luck_brings():
    assert spot_rule.p_of_carriers(0, np.full(30, 5)) == 1.0
    assert spot_rule.p_of_carriers(30, np.full(30, 5)) == pytest.approx(spot_rule.seen_by_luck(5) ** 30)


def test_what_luck_brings_is_the_largest_over_all_distributions_within_both_limits():
    # of five pairs four or five are seen: 6 / 32 at a half. A twentieth at 0.98 (0.9962) takes 0.049 of the mean; the
    # other 0.051 is 10.2% of the sources at a half
    assert spot_rule.seen_by_luck(5) == pytest.approx(0.05 * 0.9962 + 0.102 * 6 / 32, abs=1e-4)
    # with many pairs luck brings nothing: what is left are the carriers that are allowed
    assert spot_rule.seen_by_luck(400) == pytest.approx(0.05, abs=1e-4)


def test_sources_with_fewer_pairs_make_all_sources_less_telling():
    one_with_five = np.array([5, *[9] * 29])

    assert spot_rule.p_of_carriers(6, one_with_five) == spot_rule.p_of_carriers(6, np.full(30, 5))
    assert spot_rule.p_of_carriers(6, np.full(30, 9)) < spot_rule.p_of_carriers(6, np.full(30, 5))


WORST = ((0.05, 0.98), (0.102, 0.5), (0.848, 0.0))
"""Shares of sources and the rates at which they move others: of mean 0.10, it brings most carriers by luck."""


@pytest.mark.parametrize("alpha", [0.05, 0.0025])
@pytest.mark.parametrize(("sources", "pairs"), [(15, 5), (30, 9), (143, 6)])
@pytest.mark.parametrize("mixed", [WORST, ((0.24, 0.4), (0.76, 0.0))], ids=["worst", "no carrier at all"])
def test_carriers_that_luck_brings_are_found_no_more_often_than_meant(mixed, sources, pairs, alpha):
    draw = np.random.default_rng(3)
    shares, rates = zip(*mixed, strict=True)

    def found():
        values = simulated(draw, draw.choice(rates, size=sources, p=shares), pairs=pairs)
        return place(pasted=values, pairs=pairs).p <= alpha

    draws = 400
    most = alpha * draws + 3 * math.sqrt(alpha * draws) + 1
    assert sum(found() for _ in range(draws)) <= most


def test_pairs_are_counted_in_the_order_of_the_values():
    assert spot_rule.pairs_by_source([7, 3, 7, 7]).tolist() == [1, 3]
    assert by_source([7, 3, 7, 7], [True, False, True, True], [False] * 4).tolist() == [0.0, 1.0]


def simulated(draw, shares, *, pairs=4):
    """The differences of sources, each with its own share of pairs that follow."""
    return draw.binomial(pairs, shares) / pairs


@pytest.mark.long_after(1)
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
