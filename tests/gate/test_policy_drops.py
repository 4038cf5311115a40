"""`max_drop` of the rule `counterfactual-accuracy` is the limit of the rule `counterfactual-accuracy-loss`."""

from modicum.gate.policy import Level
from modicum.gate.policy_file import policy_of

from tests.gate.documents import TODAY


def rules_of(text):
    policy = policy_of(f"version: 1\npreset: report-only\nrules:\n{text}\n", "modicum.yaml", today=TODAY)
    return {rule.id: rule for rule in policy.rules if rule.mark is not None}


def test_it_becomes_the_limit_of_the_loss_and_keeps_its_level_and_place():
    (rule,) = rules_of("  counterfactual-accuracy: {level: warn, max_drop: 0.05, classes: all}").values()

    assert (rule.id, rule.level, rule.max, rule.classes) == ("counterfactual-accuracy-loss", Level.WARN, 0.05, "all")
    assert str(rule.mark) == "modicum.yaml:4:3"


def test_a_limit_beside_it_stays_with_its_rule():
    rules = rules_of("  counterfactual-accuracy: {min: 0.8, max_drop: 0.05}")

    assert (rules["counterfactual-accuracy"].min, rules["counterfactual-accuracy"].max) == (0.8, None)
    assert (rules["counterfactual-accuracy-loss"].min, rules["counterfactual-accuracy-loss"].max) == (None, 0.05)


def test_without_it_nothing_changes():
    assert list(rules_of("  counterfactual-accuracy: {min: 0.8}")) == ["counterfactual-accuracy"]
