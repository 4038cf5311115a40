"""What nothing was judged of does not pass: a policy without a rule that applies, a class without a number."""

import pytest

from tests.gate.documents import document, outcomes, share, verdict

NO_SPOT = "rules:\n  spot: off\n"


@pytest.mark.parametrize("preset", ["recommended", "strict"])
@pytest.mark.parametrize("rules", ["{spot: off}", "{spot: {level: warn}, accuracy: {level: warn, min: 0.1}}"])
def test_a_policy_that_judges_nothing_is_inconclusive_unless_it_only_reports(preset, rules):
    given = verdict(f"preset: {preset}\nrules: {rules}", document({"accuracy": share(90, 100)}))

    assert given.outcome == "INCONCLUSIVE"
    assert given.summary.startswith("INCONCLUSIVE: no rule of level error applies here, so nothing was judged; add one")


def test_a_rule_of_each_class_does_not_pass_by_all_images_together():
    policy = f"{NO_SPOT}  accuracy: {{min: 0.5, classes: CLASSES}}"
    whole, by_class = share(90, 100), {**share(90, 100), "groups": {"0": share(50, 50), "1": share(40, 50)}}

    def judged(measure, classes="all"):
        return verdict(policy.replace("CLASSES", classes), document({"accuracy": measure}))

    assert [judged(whole).outcome, judged(by_class).outcome, judged(whole, "pooled").outcome] == [
        "INCONCLUSIVE",
        "PASS",
        "PASS",
    ]
    assert (
        judged(whole)
        .rules[0]
        .worst.reason.startswith(
            "the rule asks for each class, but the result has accuracy for all images together only"
        )
    )


def test_a_warning_decides_nothing():
    policy = f"preset: report-only\n{NO_SPOT}  accuracy: {{level: warn, min: 0.8}}"

    given = verdict(policy, document({"accuracy": share(10, 100)}))

    assert (given.outcome, outcomes(given)) == ("PASS", {"accuracy": "FAIL"})
    assert given.summary == "PASS: the policy has no rule of level error, so nothing was required"
