"""The rule `review`: only a blind review of the judged version with an expected outcome passes."""

import pytest

from tests.gate.documents import VERSION, document, verdict

TAILS = (0.05, 0.025, 0.01, 0.005)


def review(outcome, *, until=0.005, version=VERSION):
    """A review with an outcome at its level and down to a tail, and none below."""
    return {
        "name": "projects/default/audits/a/reviews/r",
        "model_version": version,
        "outcome": outcome if until <= TAILS[1] else "INCONCLUSIVE",
        "outcomes": [[tail, outcome if tail >= until else "INCONCLUSIVE"] for tail in TAILS],
        "text": "People answered.",
        "answers": 72,
        "digest": "d" * 64,
    }


def ruled(expect, told, **more):
    policy = f"rules: {{spot: off, review: {{expect: [{expect}]}}}}"
    (rule,) = verdict(policy, document(**({} if told is None else {"review": told}), **more)).rules
    return rule


@pytest.mark.parametrize(
    ("expect", "told", "outcome", "reason"),
    [
        pytest.param("SEEN", review("SEEN"), "PASS", "People answered. (sha256:dddd", id="people see it"),
        pytest.param("SEEN", review("CONFIRMED"), "FAIL", "People answered. (sha256:dddd", id="people do not see it"),
        pytest.param("SEEN", review("CONFIRMED", until=0.025), "INCONCLUSIVE", "", id="not within the error budget"),
        pytest.param("SEEN", review("INCONCLUSIVE"), "INCONCLUSIVE", "", id="not settled"),
        pytest.param("SEEN", None, "INCONCLUSIVE", "there is no blind review of it with answers", id="no review"),
        pytest.param(
            "SEEN", review("SEEN", version=f"{VERSION}0"), "INCONCLUSIVE", "is of m/10; ask people", id="of another"
        ),
        pytest.param("CONFIRMED", review("CONFIRMED"), "PASS", "", id="asked for: that nobody sees it"),
        pytest.param("SEEN, INCONCLUSIVE", review("INCONCLUSIVE"), "PASS", "", id="not confirmed: not settled"),
        pytest.param("SEEN, INCONCLUSIVE", review("CONFIRMED"), "FAIL", "", id="not confirmed: confirmed"),
        pytest.param("SEEN, INCONCLUSIVE", None, "INCONCLUSIVE", "no blind review", id="not confirmed: no review"),
    ],
)
def test_only_an_expected_outcome_of_a_review_of_the_version_passes(expect, told, outcome, reason):
    rule = ruled(expect, told)

    assert str(rule.outcome) == outcome
    assert reason in rule.worst.reason


def test_a_report_of_an_older_server_does_not_tell_how_sure_a_review_is():
    told = {name: one for name, one in review("SEEN").items() if name != "outcomes"}

    assert str(ruled("SEEN", told).outcome) == "INCONCLUSIVE"
