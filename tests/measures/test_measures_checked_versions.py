"""The figures of each version beside the verdict on an ensemble."""

from dataclasses import replace

import pytest
from modicum_server.domain.models import Ensemble, InputDropout
from modicum_server.measures.checked_versions import CheckedVersion, latency_ratio

from tests.measures.ensemble_audit import BOTH, COUNT, LARGER, MATCHED, ONE, TWO, audit_of, checked
from tests.measures.example_audit import SEARCH, document_and_rows


def test_beside_the_verdict_stand_rate_accuracy_passes_and_time_of_each_version():
    findings = [
        replace(one, predicted_class=1) if one.model_version == TWO and one.position < COUNT / 5 else one
        for one in audit_of({**LARGER, (ONE, 0): 3})
    ]

    check = checked(findings)

    beside = check["versions"]
    assert list(beside) == [BOTH, ONE, TWO]
    rates = [beside[name]["measures"]["overinterpretation_rate"]["value"] for name in beside]
    accuracies = [beside[name]["measures"]["accuracy"]["value"] for name in beside]
    assert (rates, accuracies) == ([0.0, 1.0, 0.0], [1.0, 1.0, 0.8])
    differences = [
        check["measures"][name]["value"] for name in ("overinterpretation_rate_difference", "accuracy_difference")
    ]
    assert differences == pytest.approx([-0.5, 0.1])
    assert [beside[name]["plain_passes"] for name in beside] == [2, 1, 1]
    assert {beside[name]["pass_milliseconds"] for name in beside} == {2.5}
    assert (beside[ONE]["timed"], check["latency_ratio"]) == ("forward and backward", 1.0)


def test_the_shares_beside_the_verdict_are_of_the_images_that_all_have():
    findings = [one for one in audit_of(LARGER) if one.model_version != TWO or one.position >= 5]

    beside = checked(findings)["versions"]

    assert {one["measures"][name]["n"] for one in beside.values() for name in one["measures"]} == {COUNT - 5}


def test_a_pass_of_a_wrapper_in_an_ensemble_is_as_many_as_it_has_masks():
    document, _ = document_and_rows(
        audit_of(LARGER),
        versions=(ONE, TWO, BOTH),
        searches=(SEARCH, MATCHED),
        sources={BOTH: Ensemble((ONE, TWO)), TWO: InputDropout("projects/default/models/m/versions/1", 0.8, 16, 0)},
    )

    (check,) = document["mitigation"]
    assert [one["plain_passes"] for one in check["versions"].values()] == [17, 1, 16]
    assert check["passes_of_members_a_pass"] == 2


@pytest.mark.parametrize(
    ("ensemble", "members", "ratio"),
    [
        ((6.0, True), ((2.0, True), (4.0, True)), 2.0),
        ((6.0, False), ((2.0, False), (4.0, False)), 2.0),
        ((6.0, True), ((2.0, True), (4.0, False)), None),
        ((None, False), ((2.0, False), (4.0, False)), None),
        ((6.0, True), ((None, True), (4.0, True)), None),
        ((6.0, True), ((0.0, True), (4.0, True)), None),
    ],
)
def test_times_are_compared_if_all_were_measured_the_same_way(ensemble, members, ratio):
    def timed(milliseconds, backward):
        return CheckedVersion({}, 1, milliseconds, backward)

    assert latency_ratio(timed(*ensemble), [timed(*member) for member in members]) == ratio
