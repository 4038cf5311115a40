"""A result of several versions, judged as if it were of one of them alone."""

import pytest
from modicum.errors import InvalidArgument, PolicyError
from modicum.gate.one_version import of_version, version_called

from tests.gate.documents import VERSION, document, outcomes, share, verdict
from tests.gate.test_class_rules import scored

OTHER, ENSEMBLE = (f"projects/default/models/{name}/versions/1" for name in ("other", "ensemble"))


def of_two():
    first, second = document({"accuracy": share(90, 100)}), document({"accuracy": share(10, 100)})
    second["models"][0]["model_version"] = second["spots"][0]["model_version"] = OTHER
    check = {"ensemble": ENSEMBLE, "verdict": "MITIGATED"}
    return {**first, **{part: [*first[part], *second[part]] for part in ("models", "spots")}, "mitigation": [check]}


@pytest.mark.parametrize("version", [VERSION, OTHER])
def test_only_what_is_about_the_version_is_left(version):
    alone = of_version(of_two(), version)

    assert [model["model_version"] for model in alone["models"]] == [version]
    assert [test["model_version"] for test in alone["spots"]] == [version]
    assert alone["mitigation"] == []
    assert alone["dataset"] == of_two()["dataset"]


def test_a_version_is_still_compared_with_the_others_of_its_audit():
    both = scored(lambda at: at < 110)  # of 150 images; any number serves
    policy = "rules: {spot: off, subset-fraction-ratio: {min: 0.5}}"

    given = verdict(policy, of_version(both, both["comparisons"][0]["first"]))

    assert [check.subject for check in given.rules[0].checks] == ["with tiny/2"]
    assert outcomes(given) == outcomes(verdict(policy, both)) == {"subset-fraction-ratio": "PASS"}


def test_a_version_that_the_result_does_not_have_is_refused():
    with pytest.raises(PolicyError, match=f"expected a version of the result, {VERSION} or {OTHER}, got {ENSEMBLE}"):
        of_version(of_two(), ENSEMBLE)


@pytest.mark.parametrize("text", [OTHER, "other/1", "other"])
def test_a_version_is_called_as_users_call_it(text):
    assert version_called(of_two(), text) == OTHER


@pytest.mark.parametrize("text", ["other/2", "ensemble", "1", ""])
def test_a_version_that_nobody_can_mean_is_refused_with_those_there_are(text):
    with pytest.raises(
        InvalidArgument, match=f"--version: expected a version of the result, .* or other/1, got {text}$"
    ):
        version_called(of_two(), text)
