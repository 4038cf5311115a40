"""Edits of what a file says to have judged: the other place in the file that says it is still there."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from modicum.cli.documents import read_baseline
from modicum.errors import InvalidSource
from modicum.gate.recount import first_difference
from modicum.gate.requests import specification_digest
from modicum.gate.result_form import refuse_damaged_result
from modicum_server.domain.models import Ensemble
from modicum_server.measures.rows import finding_row

from tests.gate.server_documents import CATS, EVERYONE, FINDINGS, of_an_older_release, reported, served, trial
from tests.gate.test_class_rules import paired
from tests.measures.ensemble_audit import BOTH, CHECK, LARGER, MATCHED, ONE, TWO, audit_of
from tests.measures.example_audit import OTHER_VERSION, SEARCH, VERSION, finding

OTHER_DIGEST = "ab" * 32


def as_read(document):
    return json.loads(json.dumps(document))


def searched_twice():
    """A report of two searches, of which the second finds larger subsets."""
    found = [finding(at, size=(3, 50)[index], search_index=index) for index in (0, 1) for at in range(60)]
    return reported(found, searches=(SEARCH, replace(SEARCH, threshold=0.6)))


def an_ensemble():
    more = {"sources": {BOTH: Ensemble((ONE, TWO))}, "check": CHECK, "searches": (SEARCH, MATCHED)}
    return reported(audit_of(LARGER, count=30), versions=(ONE, TWO, BOTH), **more)


SPOTS = as_read({**served(trial(EVERYONE[:CATS], follow=True))[0], "rows": [finding_row(one) for one in FINDINGS]})
REPORT = as_read(reported(FINDINGS))
TWICE = as_read(searched_twice())
CHECKED = as_read(an_ensemble())
VERSIONS = as_read(
    reported(
        [replace(one, model_version=version) for version in (VERSION, OTHER_VERSION) for one in FINDINGS],
        versions=(VERSION, OTHER_VERSION),
    )
)
PAIRS = as_read(paired(lambda _: 0, pairs=range(110)))
WHOLE = {"pairs": PAIRS, "spots": SPOTS, "report": REPORT, "searches": TWICE, "ensemble": CHECKED, "versions": VERSIONS}


def edited(whole, edit):
    copy = deepcopy(whole)
    edit(copy)
    return copy


def without_rows(document):
    return {name: part for name, part in document.items() if name != "rows"}


def fewer_failed_pairs(found):
    found["counterfactuals"][0]["failed"] = 10


def another_model(found):
    found["models"][0]["digest"] = OTHER_DIGEST


def no_digests(found):
    another_model(found)
    del found["parameters"]["model_digests"]


def another_data_set(found):
    found["dataset"]["name"] += "-2"


def another_device(found):
    found["parameters"]["device"] = "cpu, cuda:0"


def an_end_that_nobody_asked_for(found):
    found["stopping"] = {"planned": len(FINDINGS) + 1, "images": len(FINDINGS), "why": ["x"]}


def no_labels(found):
    found["dataset"]["with_labels"] = 0
    for search in found["models"][0]["searches"]:
        del search["measures"]["accuracy"]


def no_labels_of_one_measure(found):
    found["dataset"]["with_labels"] = 1


def no_members(found):
    found["mitigation"] = []
    for model in found["models"]:
        model["members"] = []


def fewer_sources(found):
    found["spots"][0]["rows"][1]["sources"] = 32


def without_a_version(found):
    """As the request would have been without it; its rows are gone, too."""
    specification = found["specification"]
    specification["model_versions"].remove(OTHER_VERSION)
    found["specification_digest"] = specification_digest(specification)
    found["models"] = [one for one in found["models"] if one["model_version"] != OTHER_VERSION]
    found["comparisons"] = []


@pytest.mark.parametrize("whole", WHOLE)
def test_a_result_of_the_server_says_the_same_twice(whole):
    for found in (WHOLE[whole], without_rows(WHOLE[whole])):
        refuse_damaged_result(found, "result.json")
        assert first_difference(found) == ""


@pytest.mark.parametrize(
    ("whole", "edit", "told"),
    [
        (REPORT, another_model, f"models[0].digest is {OTHER_DIGEST}, but its digest in parameters.model_digests is "),
        (REPORT, no_digests, f"models has {VERSION}, but parameters.model_digests does not"),
        (REPORT, another_data_set, "dataset.name is projects/default/datasets/few-2, but specification.dataset is "),
        (REPORT, another_device, "parameters.device is cpu, cuda:0, but specification.device is cpu"),
        (
            REPORT,
            an_end_that_nobody_asked_for,
            "stopping says that the audit may end early, but specification.stopping does not",
        ),
        (
            REPORT,
            no_labels_of_one_measure,
            "dataset.with_labels is 1, but at least 80 was counted",
        ),
        (CHECKED, no_members, "models[0] has a search at a matched temperature, but no ensemble in models has it"),
        (SPOTS, fewer_sources, "spots[0].rows[1].sources is 32, but at least 40 was counted"),
        (
            PAIRS,
            fewer_failed_pairs,
            "counterfactuals[0].measures.counterfactual_changed_share.n is 110, but pairs without the same and the ",
        ),
        (VERSIONS, without_a_version, f"parameters.model_digests has {OTHER_VERSION}, but models does not"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_what_a_file_says_otherwise_elsewhere_is_named(whole, edit, told):
    assert first_difference(edited(without_rows(whole), edit)).startswith(told)


def test_labels_of_rows_are_labels_of_the_data_set():
    told = first_difference(edited(REPORT, no_labels))

    assert told == f"dataset.with_labels is 0, but at least {len(FINDINGS)} was counted"


def reordered(found):
    for model in found["models"]:
        model["searches"].reverse()


def of_a_version_that_is_gone(found):
    without_a_version(found)
    del found["parameters"]["model_digests"][OTHER_VERSION]


def a_spot_test_of_nobody(found):
    found["spots"][0]["model_version"] = OTHER_VERSION


ORDER = "models[0].searches are not in the order of specification.searches"


@pytest.mark.parametrize(
    ("whole", "edit", "problem"),
    [
        (TWICE, reordered, ORDER),
        (CHECKED, reordered, ORDER),
        (VERSIONS, of_a_version_that_is_gone, f"rows[{len(FINDINGS)}] is of {OTHER_VERSION}, which models does not"),
        (SPOTS, a_spot_test_of_nobody, f"spots[0] is of {OTHER_VERSION}, which models does not have"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_file_whose_searches_or_rows_are_of_another_is_refused(whole, edit, problem):
    with pytest.raises(InvalidSource) as refused:
        refuse_damaged_result(edited(whole, edit), "result.json")

    assert problem in str(refused.value)


def test_a_result_of_an_older_release_is_compared_by_what_it_has():
    older = of_an_older_release(REPORT)
    del older["specification"]["dataset"], older["specification"]["device"], older["parameters"]["model_digests"]

    assert first_difference(older) == ""


def predicted_otherwise(found):
    for row in found["rows"]:
        row["predicted_class"] = 1 - row["predicted_class"]


def test_a_result_that_was_edited_is_no_baseline(tmp_path):
    path = tmp_path / "main.json"
    path.write_text(json.dumps(REPORT))
    assert read_baseline(path) == REPORT
    path.write_text(json.dumps(edited(REPORT, predicted_otherwise)))

    with pytest.raises(InvalidSource, match=r"main\.json: the result and its findings disagree: models\[0\]"):
        read_baseline(path)
