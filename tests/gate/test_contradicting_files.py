"""Files that would pass by an entry that stands twice or is missing, or by more counts than there can be."""

import json
from copy import deepcopy

import pytest
from modicum.errors import InvalidSource
from modicum.gate import count_bounds
from modicum.gate.json_documents import json_document
from modicum.gate.recount import first_difference
from modicum.gate.result_form import refuse_damaged_result
from modicum_server.domain import spots

from tests.gate import test_class_rules, test_ensembles
from tests.gate.documents import document, outcomes, verdict
from tests.gate.server_documents import CATS, EVERYONE, FINDINGS, reported, served, trial

CLEAN, _ = served(trial(EVERYONE[:CATS], follow=False))
PLANTED, _ = served(trial(EVERYONE[:CATS], follow=True))
REPORT = json.loads(json.dumps(reported(FINDINGS)))
MEASURED = {name: part for name, part in REPORT.items() if name != "rows"}
CHECKED = test_ensembles.result(test_ensembles.LARGER, count=60)
FILLED = json.loads(json.dumps(test_class_rules.filled(lambda at: at < 40)))
GONE = "projects/default/models/gone/versions/1"


def edited(whole, edit):
    """A copy of a document after an edit."""
    copy = deepcopy(whole)
    edit(copy)
    return copy


def a_clean_test_before(found):
    found["spots"].insert(0, deepcopy(CLEAN["spots"][0]))


def a_clean_class_twice(found):
    found["spots"][0]["rows"][1] = deepcopy(CLEAN["spots"][0]["rows"][2])


def a_version_without_results(found):
    found["specification"]["model_versions"].append(GONE)


def a_search_without_results(found):
    searches = found["specification"]["searches"]
    searches.append({**searches[0], "threshold": 0.5})


def a_check_of_an_ensemble_elsewhere(found):
    found["mitigation"][0]["ensemble"] = GONE


def a_reading_twice(found):
    readings = found["models"][0]["searches"][0]["readings"]
    readings.insert(0, {**readings[0], "outcome": "INCONCLUSIVE"})


def a_row_twice(found):
    found["rows"].append(found["rows"][0])


def a_row_without_position(found):
    del found["rows"][0]["position"]


def no_number_of_pictures(found):
    del found["dataset"]["pictures"]


@pytest.mark.parametrize(
    ("whole", "edit", "problem"),
    [
        (PLANTED, a_clean_test_before, "spots[1] is a second one with the same model_version and search_index"),
        (PLANTED, a_clean_class_twice, "spots[0].rows[2] is a second one with the same target_class"),
        (CLEAN, a_version_without_results, f"models has no {GONE}, which specification.model_versions names"),
        (CLEAN, a_search_without_results, "models[0].searches has no search of threshold 0.5, which was asked for"),
        (CHECKED, a_check_of_an_ensemble_elsewhere, f"mitigation[0] names {GONE}, which models does not have"),
        (FILLED, a_reading_twice, "models[0].searches[0].readings[1] is a second one with the same control"),
        (REPORT, a_row_twice, "rows[80] is a second one with the same model_version and search_index and position"),
        (REPORT, a_row_without_position, "rows[0] has no 'position'"),
        (PLANTED, no_number_of_pictures, "dataset has no 'pictures'"),
    ],
)
def test_an_entry_that_stands_twice_or_is_missing_is_refused(whole, edit, problem):
    refuse_damaged_result(whole, "result.json")

    with pytest.raises(InvalidSource) as refused:
        refuse_damaged_result(edited(whole, edit), "result.json")

    assert problem in str(refused.value)


def more_images(found):
    (search,) = found["models"][0]["searches"]
    search["counts"] |= dict.fromkeys(("images", "eligible"), 10**6)


def more_eligible_images(found):
    found["models"][0]["searches"][0]["counts"]["eligible"] = 10**6


def a_share_of_more_images(found):
    share = found["models"][0]["searches"][0]["measures"]["accuracy"]
    share |= {"value": 0.95, "n": 10**6, "interval": None}
    share["parameters"]["successes"] = 950_000


def another_name_of_a_class(found):
    found["spots"][0]["rows"][1]["label"] = "owl"


def more_sources(found):
    found["spots"][0]["rows"][2]["sources"] = 80


def followed_in_more_pairs(found):
    found["spots"][0]["rows"][1]["places"][0]["pasted"][0]["elsewhere"] = 9


def a_source_twice(found):
    pasted = found["spots"][0]["rows"][1]["places"][0]["pasted"]
    pasted[1]["source"] = pasted[0]["source"]


def a_class_removed(found):
    del found["spots"][0]["rows"][1]


def no_early_end(found):
    found["specification"]["stopping"] = {"limits": []}


@pytest.mark.parametrize(
    ("whole", "edit", "difference"),
    [
        (MEASURED, more_images, "models[0].searches[0].counts.images is 1000000, but at most 80 was counted"),
        (MEASURED, more_eligible_images, "models[0].searches[0].counts.eligible is 1000000, but at most 80"),
        (MEASURED, a_share_of_more_images, "models[0].searches[0].measures.accuracy.n is 1000000, but at most 80"),
        (PLANTED, another_name_of_a_class, "spots[0].rows[1].label is owl, but cat was counted"),
        (PLANTED, more_sources, "spots[0].rows.sources of classes together is 120, but at most 80 was counted"),
        (PLANTED, followed_in_more_pairs, "spots[0].rows[1].places[0].pasted[0].elsewhere is 9, but at most 2"),
        (PLANTED, a_source_twice, "spots[0].rows[1].places[0].pasted[1].source is 0, but no source twice"),
        (PLANTED, a_class_removed, "spots[0].rows of class 0 is missing, but one of 40 images was counted"),
        (CLEAN, no_early_end, "stopping is None, but one, as the specification has it, was counted"),
    ],
)
def test_counts_that_cannot_be_are_named_without_rows(whole, edit, difference):
    assert first_difference(whole) == ""

    assert first_difference(edited(whole, edit)).startswith(difference)


def test_a_class_gets_a_row_from_as_many_images_on_as_the_server_gives_it_one():
    assert count_bounds.LEAST_CLASS_IMAGES == spots.LEAST_CLASS_IMAGES


def test_a_key_that_stands_twice_in_a_file_is_refused():
    text = f'{json.dumps(PLANTED)[:-1]}, "spots": {json.dumps(CLEAN["spots"])}}}'

    with pytest.raises(InvalidSource, match="the key 'spots' occurs twice in one object"):
        json_document(text.encode(), "result.json", called="a result document")


@pytest.mark.parametrize(("level", "outcome"), [(0.95, "PASS"), (0.9, "PASS"), (0.8, "INCONCLUSIVE")])
def test_an_outcome_without_tails_passes_only_where_its_level_is_one_sided_at_95_percent(level, outcome):
    reading = {"control": "random", "outcome": "THESE_PIXELS", "text": "These pixels matter."}

    given = verdict("rules: {spot: off, random: {expect: [THESE_PIXELS]}}", document(level=level, readings=[reading]))

    assert given.outcome == outcome


def test_an_ensemble_without_a_check_is_inconclusive_beside_one_that_has_a_check():
    second = deepcopy(CHECKED)
    ensemble = next(model for model in second["models"] if model["members"])
    second["models"].append({**ensemble, "model_version": GONE})
    policy = "preset: report-only\nrules: {mitigation: {expect: [MITIGATED]}}"

    assert outcomes(verdict(policy, second))["mitigation"] == "INCONCLUSIVE"


def test_a_box_that_holds_the_whole_canvas_is_noted():
    box = "{top: 0, left: 0, height: 99, width: 99}"
    policy = f"accept: [{{rule: spot, class: cat, place: {box}, reason: the object, owner: us}}]"

    given = verdict(policy, PLANTED)

    assert any("holds the whole canvas, so it excuses every place at one position" in note for note in given.notes)


@pytest.mark.parametrize("text", [b'"\\ud800x"', b'["a", {"b": "\\uDC80"}]', b'{"\\udfff": 1}', b'"\xed\xa0\x80"'])
def test_text_that_no_output_can_hold_is_refused(text):
    with pytest.raises(InvalidSource, match=r"r\.json: expected a result in JSON; it has text that is not Unicode"):
        json_document(b'{"audit": ' + text + b"}", "r.json", called="a result")

    assert json_document(b'{"a": "\\ud83d\\ude00"}', "r.json", called="a result") == {"a": "\U0001f600"}


def test_a_document_of_too_many_levels_is_told_so():
    with pytest.raises(InvalidSource, match=r"r\.json: expected a result in JSON; it has too many levels of lists"):
        json_document(b"[" * 100_000, "r.json", called="a result")
