"""A registered measure appears in the document, with what readers need to show it."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from modicum.cli.result_tables import show_result
from modicum.results import result_of
from modicum_server.domain.models import Ensemble, InputDropout
from modicum_server.domain.searches import TargetRule
from modicum_server.measures import canonical_json, registry
from modicum_server.measures.by_class import by_class
from modicum_server.measures.document_lists import DocumentList
from modicum_server.measures.measure import Measure, Reading, quantile_measure
from modicum_server.measures.measure_sets import MeasureSet, PairMeasureSet, Place, Title
from modicum_server.reports import render_html
from rich.console import Console

from tests.measures.example_audit import (
    OTHER_VERSION,
    SEARCH,
    VERSION,
    controls,
    document_and_rows,
    finding,
    mixed_findings,
    pack,
    version,
)
from tests.measures.registering import register

TWO_VERSIONS = [finding(place, 3, model_version=name) for name in (VERSION, OTHER_VERSION) for place in range(12)]


def search_of(findings, **audit):
    document, _ = document_and_rows(findings, **audit)
    return document["models"][0]["searches"][0]


def test_registering_one_function_adds_a_measure_to_document_table_and_page(monkeypatch):
    def largest(seen):
        return {"kept_pixels_most": quantile_measure(seen.size[seen.measured], 1.0, unit="pixels", empty="none")}

    line = MeasureSet(largest, {"kept_pixels_most": Title("Pixels of the largest subset")})
    register(monkeypatch, line)
    console = Console(file=io.StringIO(), width=140)

    document, rows = document_and_rows([finding(place, place + 1) for place in range(12)])
    show_result(console, result_of(json.loads(canonical_json(document)), pack(rows)), {})
    page = render_html(document, rows, lambda digest: None, inputs={}, labels={}).decode()

    assert document["models"][0]["searches"][0]["measures"]["kept_pixels_most"]["value"] == 12
    assert re.search(r"Pixels of the largest subset +│ +12 pixels │", console.file.getvalue())
    assert re.search(r'<th scope="row">Pixels of the largest subset</th><td class="number"[^>]*>12 pixels</td>', page)


def test_registering_a_measure_set_adds_its_measures_and_reading_to_the_document(monkeypatch):
    measure_set = MeasureSet(
        lambda seen: {"image_count": Measure(float(len(seen.scored)), "images", len(seen.scored))},
        {"image_count": Title("Images looked at", Place.HEADLINE)},
        lambda measured: Reading("counting", f"{measured['image_count'].n} were counted.", "COUNTED"),
    )
    register(monkeypatch, measure_set)

    search = search_of(mixed_findings())

    entry = search["measures"]["image_count"]
    assert (entry["value"], entry["title"], entry["place"]) == (13, "Images looked at", "headline")
    assert entry["order"] == max(one["order"] for one in search["measures"].values())
    reading = next(one for one in search["readings"] if one["control"] == "counting")
    assert (reading["text"], reading["outcome"]) == ("13 were counted.", "COUNTED")


def test_a_measure_set_of_pairs_puts_its_measures_into_every_comparison(monkeypatch):
    measure_set = PairMeasureSet(
        lambda first, second: {"images": Measure(float(len(first.scored) + len(second.scored)), "images", 2)},
        {"images": Title("Images of both")},
    )
    register(monkeypatch, measure_set)

    document, _ = document_and_rows(TWO_VERSIONS, versions=(VERSION, OTHER_VERSION))

    (pair,) = document["comparisons"]
    assert list(pair["measures"]) == ["subset_fraction_ratio", "accuracy_difference", "images"]
    assert (pair["measures"]["images"]["value"], pair["measures"]["images"]["title"]) == (24, "Images of both")


def test_a_registered_part_is_its_own_list_in_the_document_and_may_read_a_version(monkeypatch):
    class Entry:
        def as_json(self):
            return {"about": "all", "measures": {"versions": Measure(2.0, "versions", 2).as_json()}}

    def read(audited, entries, version, index):
        return Reading("parts", f"{len(entries)} of {version}", "READ") if version == OTHER_VERSION else None

    part = DocumentList("whole", lambda audited: [Entry()], {"versions": Title("Versions")}, read)
    register(monkeypatch, part)

    document, _ = document_and_rows(TWO_VERSIONS, versions=(VERSION, OTHER_VERSION))

    (entry,) = document["whole"]
    assert (entry["about"], entry["measures"]["versions"]["title"]) == ("all", "Versions")
    texts = [[one["text"] for one in model["searches"][0]["readings"]] for model in document["models"]]
    assert [f"1 of {OTHER_VERSION}" in entry for entry in texts] == [False, True]


def test_the_measures_of_a_search_are_numbered_as_they_are_registered():
    measures = search_of(mixed_findings())["measures"]

    names = sorted(measures, key=lambda name: measures[name]["order"])

    assert names[:3] == [
        "overinterpretation_rate",
        "overinterpretation_rate_class_targeted",
        "overinterpretation_rate_with_baseline_confident",
    ]
    assert [measures[name]["order"] for name in names] == list(range(len(names)))
    assert names == [name for name in registry.measure_titles() if name in measures]


def test_measures_of_one_table_have_different_titles():
    tables = (registry.measure_titles(), registry.pair_titles(), *(listed.titles for listed in registry.DOCUMENT_LISTS))

    for titles in tables:
        assert len({title.text for title in titles.values()}) == len(titles)


def test_rate_companion_sizes_and_accuracy_are_given_by_predicted_class():
    findings = [
        finding(0, 2, controls=controls(3)),
        finding(1, 8, controls=controls(4)),
        finding(2, 4, predicted_class=1, target_class=1),
        finding(3, 2, predicted_class=1, target_class=1, label=1),
    ]

    measures = search_of(findings)["measures"]

    def by_class_of(name):
        return {index: group["value"] for index, group in measures[name]["groups"].items()}

    assert by_class_of("overinterpretation_rate") == {"0": 0.5, "1": 0.5}
    assert by_class_of("overinterpretation_rate_class_targeted") == {"0": 0.5}
    assert by_class_of("accuracy") == {"0": 1.0, "1": 0.5}
    assert by_class_of("subset_fraction_median") == {"0": 5 / 64, "1": 3 / 64}
    assert by_class_of("subset_fraction_lower_quartile") == {"0": 2 / 64, "1": 2 / 64}
    assert by_class_of("subset_fraction_upper_quartile") == {"0": 8 / 64, "1": 4 / 64}


def test_a_search_for_a_random_other_class_is_split_by_the_class_that_it_argues_for():
    other = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
    findings = [finding(0, 2, target_class=1), finding(1, 8, target_class=2)]

    measures = search_of(findings, searches=(other,))["measures"]

    assert measures["subset_fraction_median"]["groups"].keys() == {"1", "2"}
    assert "groups" not in measures["accuracy"]
    assert "groups" not in measures["overinterpretation_rate"]


def test_the_classes_with_most_images_are_kept_and_the_rest_counted():
    classes = np.array([0, 1, 1, 2, 2, 2, 3])

    count = by_class(_count, np.ones(7, dtype=bool), classes, most_classes=2)

    assert {name: group.value for name, group in count.groups.items()} == {"1": 2, "2": 3}
    assert count.parameters["classes_left_out"] == 2
    assert count.n == 7


def _count(where):
    return Measure(float(where.sum()), "images", int(where.sum()))


@pytest.mark.parametrize(
    ("outcome", "values"),
    [("correct", (4 / 64, 2 / 64, 8 / 64)), ("incorrect", (6 / 64, 5 / 64, 7 / 64))],
)
def test_median_and_quartiles_are_split_by_correctness(outcome, values):
    right = [finding(place, size) for place, size in enumerate((2, 4, 8))]
    wrong = [finding(3 + place, size, label=1) for place, size in enumerate((5, 6, 7))]

    measures = search_of([*right, *wrong])["measures"]

    names = ("median", "lower_quartile", "upper_quartile")
    assert tuple(measures[f"subset_fraction_{name}_{outcome}"]["value"] for name in names) == values


def test_an_input_dropout_version_is_stamped_inference_only():
    document, _ = document_and_rows(
        TWO_VERSIONS,
        versions=(VERSION, OTHER_VERSION),
        sources={OTHER_VERSION: InputDropout(VERSION, 0.8, 4, 7)},
    )

    assert [model["stamp"] for model in document["models"]] == ["", "inference only"]


def test_an_ensemble_with_a_member_of_input_dropout_is_stamped_though_that_was_not_audited():
    plain, dropped, whole = (f"projects/default/models/{name}/versions/1" for name in ("plain", "dropped", "whole"))

    document, _ = document_and_rows(
        TWO_VERSIONS,
        versions=(VERSION, OTHER_VERSION),
        sources={VERSION: Ensemble((plain, dropped)), OTHER_VERSION: Ensemble((plain, whole))},
        parts=[version(plain), version(dropped, InputDropout(plain, 0.8, 4, 7)), version(whole)],
    )

    assert [model["stamp"] for model in document["models"]] == ["inference only", ""]
