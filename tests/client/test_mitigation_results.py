"""The mitigation check of a result document: its values, and how it prints."""

import gzip
import json

from modicum.cli.result_tables import mitigation_lines
from modicum.results import document_of, result_of

ONE, TWO, BOTH = (f"projects/default/models/{name}/versions/1" for name in ("one", "two", "both"))


def measure(value, unit="difference"):
    interval = {"low": value - 0.1, "high": value + 0.1, "method": "bootstrap", "level": 0.95, "n": 40}
    return {"value": value, "unit": unit, "interval": interval, "n": 40, "parameters": {}}


def version(*, plain_passes=1, milliseconds=2.0, timed="forward and backward", **outside):
    measures = {"overinterpretation_rate": measure(0.3, "share"), "accuracy": measure(0.8, "share"), **outside}
    return {
        "measures": measures,
        "plain_passes": plain_passes,
        "pass_milliseconds": milliseconds,
        "timed": timed,
    }


CHECK = {
    "ensemble": BOTH,
    "members": [ONE, TWO],
    "search_index": 0,
    "verdict": "MITIGATED",
    "stamp": "no OOD set",
    "reasons": [],
    "measures": {
        "subset_fraction_ratio": measure(1.4, "ratio"),
        "matched_subset_fraction_ratio": measure(1.3, "ratio"),
        "accuracy_difference": measure(0.04),
        "overinterpretation_rate_difference": measure(-0.2),
    },
    "limits": {"ratio": 1.2, "accuracy_difference": -0.05, "images": 30},
    "temperatures": {ONE: 1.2, TWO: 0.9},
    "matched_eligibility": {
        ONE: {"member": 31, "ensemble": 30, "scored_by_both": 40},
        TWO: {"member": 30, "ensemble": 29, "scored_by_both": 39},
    },
    "versions": {ONE: version(), TWO: version(milliseconds=None, timed="forward"), BOTH: version(plain_passes=2)},
    "latency_ratio": 2.5,
}
OOD = {**measure(0.25), "title": "The same on out-of-distribution images", "place": "detail", "order": 4}
OUTSIDE = {
    **CHECK,
    "stamp": "",
    "measures": {**CHECK["measures"], "ood_accuracy_difference": OOD},
    "versions": {name: version(ood_accuracy=measure(0.6, "share")) for name in (ONE, TWO, BOTH)},
    "out_of_distribution": {"dataset": "projects/default/datasets/others", "labelled": 40, "used": 38, "failed": 2},
}


def checked(entry):
    document = {"schema_version": 1, "models": [], "mitigation": [entry]}
    (check,) = result_of(document_of(json.dumps(document).encode()), gzip.compress(b"")).mitigation
    return check


def test_the_versions_of_a_check_are_the_ensemble_and_then_its_members_with_what_they_cost():
    check = checked(CHECK)

    assert list(check.versions) == [BOTH, ONE, TWO]
    assert [one.plain_passes for one in check.versions.values()] == [2, 1, 1]
    assert (check.versions[ONE].accuracy.value, check.versions[ONE].ood_accuracy) == (0.8, None)
    assert (check.latency_ratio, check.out_of_distribution) == (2.5, None)


def test_the_costs_are_shown_below_the_verdict():
    lines = list(mitigation_lines(checked(CHECK)))

    assert lines[0] == "MITIGATED (no OOD set): both/1 against its members one/1, two/1"
    (ensemble,) = [line for line in lines if line.startswith("  both/1")]
    assert "rate 0.30 (0.20 to 0.40), accuracy 0.80 (0.70 to 0.90); one pass costs 2 plain passes, 2.00 ms" in ensemble
    assert any(line.startswith("  two/1") and line.endswith("one pass costs 1 plain pass, not timed") for line in lines)
    assert "a pass of the ensemble took 2.50 times as long as a pass of a member on average" in lines[-1]
    assert not any("out-of-distribution" in line for line in lines)


def test_the_limits_of_the_verdict_are_shown():
    assert "  limits: ratios above 1.2, accuracy above -0.05, with 95% intervals" in list(
        mitigation_lines(checked(CHECK))
    )


def test_numbers_of_images_are_shown_whole():
    needed = {**measure(45.0, "images"), "interval": None, "n": 8}
    many = {**measure(1234.0, "images"), "title": "Images for a power of 80%"}
    many["interval"] = {**many["interval"], "low": 38.0, "high": 1520.0}
    measures = {"fewer": {**needed, "title": "Few"}, "ratio_images_needed": many}

    lines = list(mitigation_lines(checked({**CHECK, "measures": measures})))

    assert "  images for a power of 80%: 1,234 (38 to 1,520)" in lines
    assert "  few: 45 (n = 8, no interval)" in lines


def test_eligible_images_are_shown_after_the_matched_temperatures():
    lines = list(mitigation_lines(checked(CHECK)))

    place = lines.index("  matched temperatures: one/1 1.20, two/1 0.90")
    assert lines[place + 1 : place + 3] == [
        "  one/1 at its matched temperature: 31 of 40 images are eligible, 30 with the ensemble",
        "  two/1 at its matched temperature: 30 of 39 images are eligible, 29 with the ensemble",
    ]


def test_accuracy_on_a_second_data_set_is_shown_and_the_stamp_is_absent():
    check = checked(OUTSIDE)

    lines = list(mitigation_lines(check))

    assert check.versions[TWO].ood_accuracy.value == 0.6
    assert lines[0] == "MITIGATED: both/1 against its members one/1, two/1"
    assert "  the same on out-of-distribution images: 0.25 (0.15 to 0.35)" in lines
    assert "  out-of-distribution data set others: 38 of 40 labelled images have a prediction by every version" in lines
    assert sum("on out-of-distribution images 0.60 (0.50 to 0.70)" in line for line in lines) == 3


def test_an_older_document_has_none_of_them():
    later = {"versions", "latency_ratio", "matched_eligibility"}
    before = {name: value for name, value in CHECK.items() if name not in later}

    check = checked(before)

    assert (check.versions, check.latency_ratio, check.out_of_distribution) == ({}, None, None)
    assert list(mitigation_lines(check))[-1].startswith("  matched temperatures")
