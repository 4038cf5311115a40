"""The page shows every measure of the document under the document's name for it, and by class."""

import re
from dataclasses import replace

import pytest
from modicum_server.domain.findings import FindingControls, TransferFinding
from modicum_server.domain.models import Ensemble, InputDropout
from modicum_server.domain.searches import Control, ControlPlan, TargetRule
from modicum_server.measures.measure import Measure
from modicum_server.measures.measure_sets import MeasureSet, PairMeasureSet, Place, Title
from modicum_server.reports import render_html

from tests.measures.example_audit import (
    INPUT,
    OTHER_VERSION,
    SEARCH,
    VERSION,
    controls,
    document_and_rows,
    finding,
    mixed_findings,
)
from tests.measures.registering import register
from tests.reports.report_pages import page_of, photograph, read

BOTH = (VERSION, OTHER_VERSION)
TWO_VERSIONS = [finding(place, 3, model_version=name) for name in BOTH for place in range(12)]
SAID_WITH_A_MEASURE = {"title", "place", "order"}


def page_of_document(document, rows) -> str:
    return render_html(document, rows, photograph, inputs={}, labels={}).decode()


def as_of_before(document):
    """The document as earlier releases wrote it, without the names of measures."""
    models = [
        {
            **{name: value for name, value in model.items() if name != "stamp"},
            "searches": [{**one, "measures": _plain(one["measures"])} for one in model["searches"]],
        }
        for model in document["models"]
    ]
    pairs = [{**pair, "measures": _plain(pair["measures"])} for pair in document["comparisons"]]
    specification = {name: value for name, value in document["specification"].items() if name != "statistics"}
    return {**document, "models": models, "comparisons": pairs, "specification": specification}


def _plain(measures):
    return {
        name: {key: value for key, value in measures[name].items() if key not in SAID_WITH_A_MEASURE}
        for name in sorted(measures)
    }


def test_every_measure_of_the_document_stands_in_the_table_in_the_documents_order():
    document, rows = document_and_rows(mixed_findings())
    measures = document["models"][0]["searches"][0]["measures"]

    page = page_of_document(document, rows)

    table = page[page.index("Every measure") :]
    shown = [re.sub(r" \(chance level .*\)", "", one) for one in re.findall(r'<th scope="row">([^<]*)</th>', table)]
    titles = [one["title"] for one in sorted(measures.values(), key=lambda one: one["order"])]
    assert [title.replace("'", "&#39;") for title in titles] == shown


def test_a_measure_that_is_registered_stands_on_the_page_and_one_of_the_headline_in_both_places(monkeypatch):
    measure_set = MeasureSet(
        lambda seen: {"image_count": Measure(float(len(seen.scored)), "images", len(seen.scored))},
        {"image_count": Title("Images looked at", Place.HEADLINE)},
    )
    register(monkeypatch, measure_set)

    page = page_of(TWO_VERSIONS, versions=BOTH)

    assert page.count('<span class="name">Images looked at</span>') == 2
    assert page.count('<th scope="row">Images looked at</th><td class="number" data-name="Value">12</td>') == 2
    assert page.count('<th scope="col" class="number">Images looked at</th>') == 1


def test_a_measure_of_pairs_that_is_registered_stands_in_their_table(monkeypatch):
    both = Measure(24.0, "images", 2)
    measure_set = PairMeasureSet(lambda first, second: {"images": both}, {"images": Title("Of both")})
    register(monkeypatch, measure_set)

    assert '<td data-name="Measure">Of both</td><td class="number" data-name="Value">24</td>' in page_of(
        TWO_VERSIONS, versions=BOTH
    )


def test_a_document_of_an_earlier_release_makes_the_same_page():
    document, rows = document_and_rows(TWO_VERSIONS, versions=BOTH)

    assert page_of_document(as_of_before(document), rows) == page_of_document(document, rows)


def test_a_measure_without_a_title_is_shown_by_its_name():
    document, rows = document_and_rows(mixed_findings())
    unknown = {"value": 3.0, "unit": "", "n": 3, "interval": None, "parameters": {}}
    document["models"][0]["searches"][0]["measures"]["of_tomorrow"] = unknown

    assert '<th scope="row">Of tomorrow</th>' in page_of_document(document, rows)


def test_level_and_alpha_are_those_of_the_document():
    document, rows = document_and_rows(TWO_VERSIONS, versions=BOTH)
    statistics = {"statistics": {"level": 0.999, "alpha": 0.125}}

    text = read(page_of_document({**document, "specification": document["specification"] | statistics}, rows)).text

    assert "99.9% interval" in text
    assert "95% interval Method" not in text
    assert "verified a subset of at most 12.5% of the pixels" in text


def by_class_of(findings, **audit):
    page = page_of(findings, **audit)
    table = page[page.index("Class by class") :]
    return read(table[: table.index("</section>")]).text, table[: table.index("</section>")]


def test_classes_stand_in_rows_the_ones_with_most_images_first():
    findings = [finding(place, 3, predicted_class=place > 0, target_class=place > 0) for place in range(4)]

    text, table = by_class_of(findings)

    assert (
        "Images are grouped by the class predicted on the whole image. The classes with the most images come first; 95%"
        in text
    )
    assert re.findall(r'<th scope="row">(\w+)</th>', table) == ["dog", "cat"]
    assert "Overinterpretation rate" in text
    assert "Subset fraction, upper quartile" in text
    assert "n = 3" in text
    assert "No image" not in text


def test_a_class_without_an_image_of_a_measure_is_said_to_have_none():
    findings = [finding(0, controls=controls(4)), finding(1, predicted_class=1, target_class=1)]

    text = by_class_of(findings)[0]

    assert text.count("no image") == 1
    assert (
        "“No image” means that none of the class's images counts, for example because the model is not confident on any"
        in text
    )


def test_many_classes_are_bounded_and_the_rest_counted():
    findings = [finding(place, 3, predicted_class=place, target_class=place) for place in range(23)]

    text, table = by_class_of(findings, labels=())

    assert table.count('<th scope="row">') == 20
    assert "The JSON report has 3 more classes" in text


def test_one_class_alone_has_no_table():
    assert "Class by class" not in page_of([finding(place) for place in range(3)])


def test_a_search_for_a_random_other_class_is_split_by_that_class():
    other = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
    findings = [finding(place, 2, target_class=1 + place % 2) for place in range(4)]

    text, _ = by_class_of(findings, searches=(other,))

    assert "Images are grouped by the random other class searched for" in text
    assert "Overinterpretation rate" not in text


@pytest.mark.long_after(1)
@pytest.mark.parametrize("sizes", [(2, 4, 8, 16), (2, 2)], ids=["spread", "alike"])
def test_a_row_of_dots_shows_median_and_quartiles(sizes):
    page = page_of([finding(place, size) for place, size in enumerate(sizes)])

    spans = re.findall(r'class="quartiles" x1="([\d.]+)" x2="([\d.]+)"', page)
    medians = re.findall(r'class="median" d="M([\d.]+) ', page)
    assert len(spans) == len(medians) == 1  # by target class
    assert all(float(low) <= float(median) <= float(high) for (low, high), median in zip(spans, medians, strict=True))


def test_a_pair_of_versions_with_other_mean_fills_says_so_where_it_stands():
    other = replace(INPUT, fill_mean=(0.25, 0.25, 0.25))

    document, rows = document_and_rows(TWO_VERSIONS, versions=BOTH, inputs={OTHER_VERSION: other})
    page = page_of_document(document, rows)

    said = "the mean fill is not the same: 0.5 with tiny, version 1; 0.25 with tiny, version 2"
    assert page.count(f"<small>{said}</small></th>") == len(document["comparisons"][0]["measures"])


def test_an_input_dropout_version_is_said_to_be_inference_only_wherever_it_is_named():
    whole = "projects/default/models/whole/versions/1"
    names = (VERSION, OTHER_VERSION, whole)
    scored = FindingControls(transfers=(TransferFinding(OTHER_VERSION, 0.95, sufficient=True, predicted_class=0),))
    findings = [finding(place, 3, model_version=name, controls=scored) for name in names for place in range(12)]

    page = page_of(
        findings,
        versions=names,
        sources={OTHER_VERSION: InputDropout(VERSION, 0.8, 4, 7), whole: Ensemble((VERSION, OTHER_VERSION))},
        plans=(ControlPlan(Control.TRANSFER),),
    )

    said = "tiny, version 2 (inference only)"
    assert f'<h2 class="which">{said} ' in page
    assert f"{said}</a></th>" in page
    assert f'<th scope="row">tiny, version 1 against {said}</th>' in page
    assert f'<th scope="col">scored by {said}</th>' in page
    assert f"against its members tiny, version 1, {said}, threshold" in page
    assert f'<th scope="row">{said}</th>' in page
    assert "tiny, version 1 (inference only)" not in page
    assert "An input-dropout version has this mark" in read(page).text
