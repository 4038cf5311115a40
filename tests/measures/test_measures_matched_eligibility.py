"""Whether members at matched temperatures are eligible on as many images as their ensemble."""

from dataclasses import replace

import pytest
from modicum_server.domain.findings import FindingReason
from modicum_server.measures.matched_eligibility import MatchedEligibility

from tests.measures.ensemble_audit import BOTH, COUNT, LARGER, ONE, TWO, audit_of, checked
from tests.measures.example_audit import SEARCH, failed, not_eligible


def audit_with_fewer_eligible(fewer, *, search_index=1, **changes):
    """The findings of `LARGER`, with member TWO eligible on this many fewer images under that search."""
    return [
        not_eligible(one.position, model_version=TWO, search_index=search_index)
        if (one.model_version, one.search_index) == (TWO, search_index) and one.position < fewer
        else one
        for one in audit_of({**LARGER, **changes.pop("sizes", {})}, **changes)
    ]


def test_eligible_images_of_ensemble_and_members_at_matched_temperatures_are_counted():
    check = checked(audit_with_fewer_eligible(1))

    assert check["matched_eligibility"] == {
        ONE: {"member": COUNT, "ensemble": COUNT, "scored_by_both": COUNT},
        TWO: {"member": COUNT - 1, "ensemble": COUNT, "scored_by_both": COUNT},
    }
    assert (check["verdict"], check["reasons"]) == ("MITIGATED", [])


def test_a_member_that_is_eligible_on_two_images_fewer_is_not_matched_and_the_reason_names_it():
    check = checked(audit_with_fewer_eligible(2))

    assert check["verdict"] == "INCONCLUSIVE"
    (reason,) = check["reasons"]
    assert reason == (
        "at its matched temperature two, version 1 is eligible on 198 of 200 images and the ensemble on 200; these "
        "numbers differ by more than 1"
    )


def test_a_member_that_is_eligible_on_two_images_more_is_not_matched_either():
    findings = [
        not_eligible(one.position, model_version=BOTH) if one.model_version == BOTH and one.position < 2 else one
        for one in audit_of(LARGER)
    ]

    check = checked(findings)

    assert check["verdict"] == "INCONCLUSIVE"
    assert [reason.split(" these")[0] for reason in check["reasons"]] == [
        f"at its matched temperature {name}, version 1 is eligible on 200 of 200 images and the ensemble on 198;"
        for name in ("one", "two")
    ]


def test_an_image_that_only_one_of_the_two_scored_does_not_count_against_a_match():
    findings = [
        replace(failed(one.position), model_version=TWO, search_index=1)
        if (one.model_version, one.search_index) == (TWO, 1) and one.position < 3
        else one
        for one in audit_of(LARGER)
    ]

    check = checked(findings)

    assert check["matched_eligibility"][TWO] == dict.fromkeys(("member", "ensemble", "scored_by_both"), COUNT - 3)
    assert check["verdict"] == "MITIGATED"


def test_an_image_whose_fill_cannot_be_made_counts_as_eligible_for_a_match():
    findings = [
        replace(one, subset=None, trace=None, reason=FindingReason.FILL_UNAVAILABLE)
        if (one.model_version, one.search_index) == (TWO, 1) and one.position < 3
        else one
        for one in audit_of(LARGER)
    ]

    assert checked(findings)["matched_eligibility"][TWO] == dict.fromkeys(
        ("member", "ensemble", "scored_by_both"), COUNT
    )


def test_a_ratio_that_is_low_does_not_mitigate_whatever_was_matched():
    check = checked(audit_with_fewer_eligible(5, sizes={(BOTH, 0): 6}))

    assert (check["verdict"], check["reasons"]) == ("NOT_MITIGATED", [])


def test_without_matched_searches_no_eligible_images_are_counted():
    sizes = {key: size for key, size in LARGER.items() if key[1] == 0}

    assert checked(audit_of(sizes), searches=(SEARCH,))["matched_eligibility"] == {}


@pytest.mark.parametrize(("member", "holds"), [(38, False), (39, True), (40, True), (41, True), (42, False)])
def test_a_member_is_matched_within_one_image(member, holds):
    assert MatchedEligibility(member, 40, 50).holds is holds
