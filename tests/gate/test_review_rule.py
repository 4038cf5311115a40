"""The rule `review`: only a blind review of the judged version with an expected outcome passes."""

import pytest

from tests.gate.documents import VERSION, document, verdict

TAILS = (0.05, 0.025, 0.01, 0.005)


LARGER = "it shows subsets of at most 0.5 of the pixels from search 0, but this rule is about subsets of at most 0.05"
OUT_OF_REACH = "these answers are too few for CONFIRMED"


def review(outcome, *, until=0.005, version=VERSION, could_confirm=True, largest_fraction=0.05, search_index=0):
    """A review with an outcome at its level and down to a tail, and none below."""
    return {
        "name": "projects/default/audits/a/reviews/r",
        "model_version": version,
        "search_index": search_index,
        "largest_fraction": largest_fraction,
        "outcome": outcome if until <= TAILS[1] else "INCONCLUSIVE",
        "outcomes": [[tail, outcome if tail >= until else "INCONCLUSIVE"] for tail in TAILS],
        "could_confirm": could_confirm,
        "text": "People answered.",
        "answers": 72,
        "digest": "d" * 64,
    }


def ruled(expect, *told):
    policy = f"rules: {{spot: off, review: {{expect: [{expect}]}}}}"
    (rule,) = verdict(policy, document(**({"reviews": list(told)} if told else {}))).rules
    return rule


@pytest.mark.parametrize(
    ("expect", "told", "outcome", "reason"),
    [
        pytest.param("SEEN", [review("SEEN")], "PASS", "People answered. (sha256:dddd", id="people see it"),
        pytest.param("SEEN", [review("CONFIRMED")], "FAIL", "People answered. (sha256:dddd", id="they do not see it"),
        pytest.param(
            "SEEN", [review("CONFIRMED", until=0.025)], "INCONCLUSIVE", "another outcome than", id="not in the budget"
        ),
        pytest.param("SEEN", [review("INCONCLUSIVE")], "INCONCLUSIVE", "no outcome is settled at 5%", id="not settled"),
        pytest.param("SEEN", [], "INCONCLUSIVE", "the audit has no blind review in which a person", id="no review"),
        pytest.param(
            "SEEN", [review("SEEN", version=f"{VERSION}0")], "INCONCLUSIVE", "no blind review", id="of another"
        ),
        pytest.param("CONFIRMED", [review("CONFIRMED")], "PASS", "", id="asked for: that nobody sees it"),
        pytest.param("SEEN, INCONCLUSIVE", [review("INCONCLUSIVE")], "PASS", "", id="not confirmed: not settled"),
        pytest.param("SEEN, INCONCLUSIVE", [review("CONFIRMED")], "FAIL", "", id="not confirmed: confirmed"),
        pytest.param("SEEN, INCONCLUSIVE", [], "INCONCLUSIVE", "no blind review", id="not confirmed: no review"),
        pytest.param(
            "SEEN, INCONCLUSIVE",
            [review("INCONCLUSIVE", could_confirm=False)],
            "INCONCLUSIVE",
            OUT_OF_REACH,
            id="not confirmed: nobody could have",
        ),
        pytest.param(
            "SEEN, INCONCLUSIVE",
            [review("CONFIRMED", until=0.05)],
            "INCONCLUSIVE",
            "another outcome than",
            id="not confirmed: confirmed at 5% alone",
        ),
        pytest.param("SEEN", [review("SEEN"), review("CONFIRMED")], "FAIL", "", id="an older one says the opposite"),
        pytest.param("CONFIRMED", [review("CONFIRMED"), review("SEEN")], "FAIL", "", id="the same the other way"),
        pytest.param("SEEN, CONFIRMED", [review("SEEN"), review("CONFIRMED")], "PASS", "", id="both are expected"),
        pytest.param(
            "SEEN", [review("CONFIRMED", version=f"{VERSION}0"), review("SEEN")], "PASS", "", id="each of its version"
        ),
        pytest.param(
            "SEEN", [review("SEEN", largest_fraction=0.5)], "INCONCLUSIVE", LARGER, id="of larger subsets alone"
        ),
        pytest.param("SEEN", [review("SEEN", search_index=1)], "INCONCLUSIVE", "from search 1", id="of another search"),
        pytest.param("SEEN", [review("SEEN", largest_fraction=0.02)], "PASS", "", id="of smaller subsets"),
        pytest.param(
            "SEEN", [review("SEEN", largest_fraction=0.5), review("CONFIRMED")], "FAIL", "", id="of larger ones beside"
        ),
        pytest.param(
            "SEEN", [review("CONFIRMED", search_index=1), review("SEEN")], "PASS", "", id="of another search beside"
        ),
    ],
)
def test_a_version_passes_only_where_every_review_of_it_has_an_expected_outcome(expect, told, outcome, reason):
    rule = ruled(expect, *told)

    assert str(rule.outcome) == outcome
    assert reason in rule.worst.reason
    assert "both sides of the limit" not in rule.worst.reason
