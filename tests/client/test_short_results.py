"""A result in ten lines: its outcome, what was found, where the report is. What is left out is counted."""

import gzip

import pytest
from modicum.cli.short_results import NO_OUTCOME, short_lines, worst_outcome
from modicum.gate.outcomes import WORST_FIRST, headline_of
from modicum.results import result_of
from modicum.wrapping import wrapped

COUNTS = {"images": 40, "eligible": 30, "with_subset": 28, "baseline_confident": 1, "failed": 0}
SEARCH = {"method": "mask_optimization", "threshold": 0.9, "fill": "mean"}
SENTENCE = "A small place decides for class 7, and a person must say whether that is evidence for it or not."
COMMANDS = {"report": "modicum audits report a1 --output report.html", "tables": "modicum audits show a1 -v"}


def model(name="one", summary=(SENTENCE,), **outcomes):
    readings = [{"control": control, "text": "", "outcome": outcome} for control, outcome in outcomes.items()]
    search = {"search": SEARCH, "measures": {}, "readings": readings, "counts": COUNTS}
    version = f"projects/default/models/{name}/versions/1"
    return {"model_version": version, "digest": "e" * 64, "searches": [search], "summary": list(summary)}


def result_with(*models, **parts):
    return result_of({"schema_version": 2, "models": list(models), **parts}, gzip.compress(b""))


def rows_of(lines):
    return [row for line in lines for row in wrapped(line, 80)]


@pytest.mark.parametrize(
    ("outcomes", "head"),
    [
        ({"spot": "DECISIVE", "shortcut": "INCONCLUSIVE"}, "one/1: DECISIVE by the spot test"),
        (
            {"spot": "SHORTCUT", "shortcut": "SHORTCUT", "counterfactual": "ACCURACY_FALLS"},
            "one/1: SHORTCUT by the spot test and the test of edge and background",
        ),
        ({"spot": "NONE_FOUND", "counterfactual": "INCONCLUSIVE"}, "one/1: INCONCLUSIVE by the counterfactual set"),
        (
            {"shortcut": "INCONCLUSIVE"},
            "one/1: INCONCLUSIVE by the test of edge and background; small spots were not tested",
        ),
        ({"spot": "NEW_WORD", "shortcut": "NONE_SEEN"}, "one/1: NEW_WORD by the spot test"),
        ({"fill": "SURVIVES"}, f"one/1: {NO_OUTCOME}"),
    ],
    ids=["found", "two controls agree", "open", "no spot test", "unknown to this client", "none ran"],
)
def test_the_first_line_is_the_worst_outcome_and_who_says_so(outcomes, head):
    assert short_lines(result_with(model(**outcomes)), **COMMANDS)[0] == head


@pytest.mark.parametrize(
    ("outcomes", "named"),
    [
        ({"cat": "NONE_FOUND"}, ""),
        ({"cat": "SUFFICIENT", "dog": "NONE_FOUND"}, "; a spot was found for cat"),
        ({"cat": "SUFFICIENT", "dog": "INCONCLUSIVE", "ship": "SHORTCUT"}, "; spots were found for ship and cat"),
        (dict.fromkeys("abcde", "DECISIVE"), "; spots were found for a, b, c and 2 more"),
    ],
    ids=["none", "one", "the worst first", "many"],
)
def test_the_first_line_names_the_classes_with_a_spot(outcomes, named):
    classes = [
        {"target_class": index, "label": label, "outcome": outcome}
        for index, (label, outcome) in enumerate(outcomes.items())
    ]
    whole = {"target_class": None, "label": "all classes together", "outcome": "DECISIVE"}
    one = model(spot="DECISIVE")
    tests = [{"model_version": name, "rows": [whole, *classes]} for name in (one["model_version"], "another")]

    lines = short_lines(result_with(one, spots=tests), **COMMANDS)

    assert lines[0] == f"one/1: DECISIVE by the spot test{named}"


def test_a_model_of_which_no_class_was_tested_by_itself_is_not_cleared():
    one = model(spot="NONE_FOUND")
    row = {"target_class": None, "label": "all classes together", "outcome": "NONE_FOUND", "reason": None}
    tests = [{"model_version": one["model_version"], "rows": [row]}]

    lines = short_lines(result_with(one, spots=tests), **COMMANDS)

    said = "NONE_FOUND_WITH_CLASSES_POOLED by the spot test; no class was tested by itself"
    assert lines[0] == f"one/1: {said}"


def test_a_single_image_that_could_not_be_searched_is_told_as_one():
    one = model(spot="INCONCLUSIVE")
    one["searches"][0]["counts"] = {**COUNTS, "images": 1, "eligible": 0, "failed": 0}

    lines = short_lines(result_with(one), **COMMANDS)

    assert "; 1 of 1 image was not confident enough to be searched: check --input first" in lines[0]


@pytest.mark.parametrize(("eligible", "said"), [(8, True), (20, False)])
def test_the_first_line_says_that_most_images_could_not_be_searched(eligible, said):
    one = model(spot="INCONCLUSIVE")
    one["searches"][0]["counts"] = {**COUNTS, "eligible": eligible}

    lines = short_lines(result_with(one), **COMMANDS)

    assert ("; 32 of 40 images were not confident enough to be searched" in lines[0]) is said
    assert "--input" not in lines[0]


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({"spot": "NONE_FOUND", "shortcut": "INCONCLUSIVE"}, "The test of edge and background is open"),
        ({"spot": "DECISIVE", "shortcut": "SHORTCUT"}, "Accuracy falls when the edge or the background is covered"),
        ({"spot": "INCONCLUSIVE", "shortcut": "INCONCLUSIVE"}, "These 40 images do not settle it"),
    ],
)
def test_a_headline_is_about_the_test_with_the_worst_outcome(outcomes, said):
    assert headline_of(outcomes, ["These 40 images do not settle it. More would."]) == said


def test_what_is_open_is_worse_than_what_was_not_found():
    clean = {"spot": "NONE_FOUND", "shortcut": "NONE_SEEN", "counterfactual": "ACCURACY_HOLDS"}

    result = result_with(model(**clean))
    assert worst_outcome(result.models[0], result.document) == "NONE_FOUND"
    assert WORST_FIRST.index("INCONCLUSIVE") < min(map(WORST_FIRST.index, clean.values()))


@pytest.mark.parametrize("sentences", [1, 3, 8, 40])
def test_a_result_takes_ten_lines_of_80_columns(sentences):
    summary = [f"{number}: {SENTENCE}" for number in range(sentences)]

    lines = short_lines(result_with(model(summary=summary, spot="DECISIVE")), **COMMANDS)

    assert len(rows_of(lines)) <= 10
    shown = sum(sentence in lines[1] for sentence in summary)
    assert lines[1] == " ".join(summary[:shown])
    more = f"{sentences - shown} more sentences and the tables" if shown < sentences else "the tables"
    assert lines[2:] == [
        "report: modicum audits report a1 --output report.html",
        f"more: modicum audits show a1 -v ({more})",
    ]


def test_a_first_sentence_that_is_too_long_is_shown_all_the_same():
    lines = short_lines(result_with(model(summary=["word " * 300 + "end.", SENTENCE])), **COMMANDS)

    assert lines[1].endswith("end.")
    assert "(1 more sentence and the tables)" in lines[-1]


def test_a_result_without_a_summary_shows_its_counts():
    lines = short_lines(result_with(model(summary=())), **COMMANDS)

    assert lines[1].startswith("40 images: 30 eligible, 28 with a subset")


def test_where_an_audit_ended_early_has_a_line_of_its_own():
    stopping = {"planned": 160, "images": 32, "reason": "SETTLED", "why": ["every share is settled"], "cut": []}
    one = model(summary=(*[SENTENCE] * 9, "The audit ended early, after 32 of 160 images: every share is settled."))

    lines = short_lines(result_with(one, stopping=stopping), **COMMANDS)

    assert lines[1] == "the audit ended after 32 of 160 images: every share is settled"
    assert "ended early" not in " ".join(lines)
    assert len(rows_of(lines)) <= 10


def test_several_models_have_a_line_each_and_the_rest_is_counted():
    models = [model(f"model{number}", spot="DECISIVE") for number in range(20)]

    lines = short_lines(result_with(*models), **COMMANDS)

    assert len(rows_of(lines)) <= 10
    assert lines[0] == f"model0/1: DECISIVE by the spot test. {SENTENCE}"
    assert lines[-1] == f"more: modicum audits show a1 -v ({22 - len(lines)} more models, none worse, and the tables)"


@pytest.mark.parametrize("words", [20, 150], ids=["both fit", "one fits"])
def test_the_worst_model_comes_first_and_those_left_out_are_not_worse(words):
    summary = ["word " * words]
    fine, bad = model("fine", summary, spot="INCONCLUSIVE"), model("bad", summary, spot="SUFFICIENT")

    lines = short_lines(result_with(fine, bad), **COMMANDS)

    assert lines[0].startswith("bad/1: SUFFICIENT by the spot test")
    left_out = "the tables" if words == 20 else "1 more model, not worse, and the tables"
    assert lines[-1] == f"more: modicum audits show a1 -v ({left_out})"


def test_the_verdict_of_an_ensemble_comes_first():
    one, two = (f"projects/default/models/{name}/versions/1" for name in ("one", "two"))
    check = {
        "ensemble": one,
        "members": [two],
        "search_index": 0,
        "verdict": "INCONCLUSIVE",
        "stamp": "",
        "reasons": ["too few images"],
        "measures": {},
        "limits": {"ratio": 1.1, "accuracy_difference": -0.02, "images": 30},
        "temperatures": {},
    }

    lines = short_lines(result_with(model(), model("two"), mitigation=[check]), **COMMANDS)

    assert lines[0] == "INCONCLUSIVE: one/1 against its members two/1"


def test_images_without_a_result_have_a_line():
    one = model(spot="NONE_FOUND")
    one["searches"][0]["counts"] = {**COUNTS, "failed": 2}

    failures = [
        {"item": item, "reason": "IMAGE_UNREADABLE", "model_version": one["model_version"], "search_index": 0}
        for item in ("a.png", "a.png", "b.png", "c.png", "d.png", "e.png")
    ]

    lines = short_lines(result_with(one), **COMMANDS)
    named = short_lines(result_with(one, failures=failures), **COMMANDS)
    both = short_lines(result_with(one, model("two", spot="NONE_FOUND")), **COMMANDS)

    assert lines[1] == "2 of 40 images have no result"
    assert named[1] == (
        "2 of 40 images have no result: a.png (IMAGE_UNREADABLE), b.png (IMAGE_UNREADABLE), c.png (IMAGE_UNREADABLE), "
        "2 more"
    )
    assert both[0] == "at most 2 of 40 images have no result"
    assert not any("no result" in line for line in short_lines(result_with(model(spot="NONE_FOUND")), **COMMANDS))


def test_copies_of_an_image_without_a_result_are_counted_beside_it():
    one = model(spot="NONE_FOUND")
    one["searches"][0]["counts"] = {**COUNTS, "images": 1, "failed": 1}
    failures = [
        {"item": item, "reason": "IMAGE_UNREADABLE", "model_version": one["model_version"], "search_index": 0}
        for item in "012345"
    ]

    lines = short_lines(result_with(one, failures=failures, dataset={"name": "d", "copies": 5}), **COMMANDS)

    assert lines[1] == (
        "1 of 1 image has no result (6 with copies): 0 (IMAGE_UNREADABLE), 1 (IMAGE_UNREADABLE), 2 (IMAGE_UNREADABLE), "
        "3 more"
    )
