"""The demo's last lines say what the verdicts and the result say."""

import json
from dataclasses import replace

import pytest
from modicum_server.demo.commands import WIDTH, DigitFiles
from modicum_server.demo.ending import ensemble_lines, gallery_lines, outcome_of, verdict_lines
from modicum_server.measures.intervals import Interval
from modicum_server.measures.measure import Measure

from tests.gate.documents import CLEAN, document, verdict
from tests.gate.test_worst_spot import judged, pictured, planted


@pytest.fixture
def files(tmp_path) -> DigitFiles:
    return DigitFiles("marked", tmp_path)


def ensemble_told(tmp_path, verdict_word, **changed) -> str:
    ratio = Measure(1.198, "ratio", 263, Interval(1.184, 1.212, "bootstrap", 263))
    measures = {
        "subset_fraction_ratio": ratio,
        "matched_subset_fraction_ratio": replace(ratio, value=1.21, interval=Interval(1.195, 1.224, "bootstrap", 260)),
        "accuracy_difference": Measure(0.0011, "difference", 300, Interval(-0.012, 0.0146, "square and add", 300)),
        **changed,
    }
    verdicts = [
        {
            "verdict": verdict_word,
            "members": [f"projects/default/models/digits-clean{end}/versions/1" for end in ("", "-2", "-3")],
            "reasons": [] if verdict_word == "MITIGATED" else ["the ratio may be 1.1 or less"],
            "measures": {name: one.as_json() for name, one in measures.items()},
        }
    ]
    (tmp_path / "e.json").write_text(json.dumps({"mitigation": verdicts}))
    lines = list(ensemble_lines(tmp_path / "e.json"))
    assert max(map(len, lines)) <= WIDTH
    return joined(lines)


def told(files, verdict_document, expected) -> str:
    files.verdict.write_text(json.dumps(verdict_document))
    lines = list(verdict_lines(files, expected))
    assert max(map(len, lines)) <= WIDTH
    return joined(lines)


def joined(lines) -> str:
    return " ".join(" ".join(lines).split())


def test_a_failure_names_the_class_the_spot_and_what_copies_of_it_do(files):
    said = told(files, judged(planted("cat", 0), CLEAN[2], spot_pictures=[pictured("cat")]), "FAIL")

    assert outcome_of(files) == "FAIL"
    assert said.startswith(
        "FAIL digits-marked. For class cat a spot of 4x4 pixels (8 from the top and 8 from the left) decides."
    )
    assert "The model now says cat in 8 of 9 tries; in 1 of 9 when another place is pasted." in said
    assert said.endswith("See demo-marked-verdict.html; the whole audit is demo-marked-audit.html.")


def test_a_pass_says_that_no_place_decides(files):
    said = told(files, verdict("", document()).as_json(), "PASS")

    assert said.startswith("PASS digits-marked. No small spot was found that decides, for any class. See")


def test_another_verdict_than_the_demo_is_meant_to_show_is_said(files):
    said = told(files, verdict("", document()).as_json(), "FAIL")

    assert said.startswith("PASS digits-marked. The demo is meant to show FAIL here.")


def test_the_ensemble_says_its_verdict_the_ratios_and_the_accuracy_with_their_intervals(tmp_path):
    said = ensemble_told(tmp_path, "MITIGATED")

    assert said == (
        "MITIGATED: the ensemble needs more of each picture than its members. "
        "The members are digits-clean, digits-clean-2 and digits-clean-3. "
        "The ensemble's subsets are 1.20 times as large (95% interval 1.18 to 1.21). "
        "At matched temperatures they are 1.21 times as large (95% interval 1.20 to 1.22). "
        "The ensemble's accuracy minus its members' is 0.11 points (95% interval -1.2 to 1.5). See demo-ensemble.html."
    )


def test_an_ensemble_that_is_not_mitigated_says_why(tmp_path):
    said = ensemble_told(tmp_path, "INCONCLUSIVE")

    assert said.startswith("INCONCLUSIVE: the ratio may be 1.1 or less. The members are")


def test_a_ratio_that_could_not_be_measured_is_left_out(tmp_path):
    missing = Measure(None, "ratio", 0, unavailable="no image")

    said = ensemble_told(tmp_path, "INCONCLUSIVE", matched_subset_fraction_ratio=missing)

    assert "1.20 times" in said
    assert "matched" not in said


@pytest.mark.parametrize(("rate", "share"), [(1.0, "On 100% (95% interval 81% to 100%) at most"), (None, "")])
def test_the_gallery_says_its_figures_with_their_intervals(tmp_path, rate, share):
    interval = None if rate is None else Interval(0.81, 1.0, "wilson", 16)
    rates = Measure(rate, "share", 16, interval, unavailable="no image" if rate is None else "")
    measures = {"overinterpretation_rate": rates, "subset_fraction_median": Measure(0.0058, "pixels share", 16)}
    search = {"measures": {name: one.as_json() for name, one in measures.items()}}
    (tmp_path / "r.json").write_text(json.dumps({"models": [{"searches": [search]}]}))

    said = joined(gallery_lines("lite0", tmp_path / "r.json"))

    assert said.startswith("efficientnet-lite0, on 16 photographs of which it is at least 50% sure.")
    assert share in said
    assert ("0.58%" in said) == (rate is not None)
