"""A sentence holds one interval at most, on the page and in the document that it is made of."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from modicum_server.domain.models import Ensemble
from modicum_server.reports import render_html

from tests.measures.example_audit import controls, document_and_rows, finding, mixed_findings
from tests.measures.example_audit import variants as changed
from tests.measures.sentences import crowded
from tests.measures.test_measures_counterfactuals import paired
from tests.measures.test_measures_counterfactuals import rows as in_pairs
from tests.measures.test_measures_shortcut import images, of_classes, reading_of
from tests.reports.report_pages import photograph
from tests.reports.spot_rows import FINDINGS, rows
from tests.reports.test_report_transfer import BOTH, PLANS, audit_of_two

GOLDEN = Path("tests/measures/golden/result.json")
PARAGRAPH = re.compile(r"<(?:p|h2|h3|h4|figcaption)\b[^>]*>(.*?)</(?:p|h2|h3|h4|figcaption)>", re.DOTALL)


def settled():
    """Forty images with every control, half of which suffices under every change."""
    both = [replace(changed(sufficient=place % 2 == 0), **_more(place)) for place in range(40)]
    return document_and_rows([finding(place, 2 + place % 5, controls=one) for place, one in enumerate(both)])


def _more(place: int):
    fills = controls(4, black=place % 2 == 0)
    return {"fills": fills.fills, "class_targeted": fills.class_targeted}


def several():
    names = tuple(f"projects/default/models/{name}/versions/1" for name in ("first", "second", "both"))
    found = [finding(place, 2 + place, model_version=name) for name in names for place in range(12)]
    return document_and_rows(found, versions=names, sources={names[2]: Ensemble(names[:2])})


DOCUMENTS = {
    "mixed": lambda: document_and_rows(mixed_findings()),
    "planted": lambda: document_and_rows(FINDINGS, spots=rows()),
    "settled": settled,
    "several": several,
    "transfer": lambda: document_and_rows(audit_of_two(kept=12, count=24), versions=BOTH, plans=PLANS),
    "pairs": lambda: document_and_rows(in_pairs(), counterfactual=paired()),
}


def texts_of(document) -> list[str]:
    """Summaries and readings."""
    searches = [search for model in document["models"] for search in model["searches"]]
    return [
        *(" ".join(model.get("summary", ())) for model in document["models"]),
        *(reading["text"] for search in searches for reading in search["readings"]),
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_sentence_of_a_summary_or_a_reading_holds_two_intervals(name):
    document, _ = DOCUMENTS[name]()

    texts = texts_of(document)

    assert any(texts)
    assert [one for text in texts for one in crowded(text)] == []


@pytest.mark.parametrize(
    "findings",
    [
        images(in_ring=True, lost=0.5),
        images(in_ring=True, lost=0.5, elsewhere=0.5),
        of_classes([30] * 10, [0] * 7 + [27] * 3),
        of_classes([30] * 10, [0] * 7 + [8] * 3),
        of_classes([150, 9], [0, 9]),
    ],
    ids=["everywhere", "as much elsewhere", "three classes", "three classes open", "all open"],
)
def test_no_sentence_about_the_edge_holds_two_intervals(findings):
    assert crowded(reading_of(findings)["text"]) == []


def test_no_sentence_of_the_golden_document_holds_two_intervals():
    assert [one for text in texts_of(json.loads(GOLDEN.read_text())) for one in crowded(text)] == []


@pytest.mark.long_after(2)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_sentence_of_the_page_holds_two_intervals(name):
    document, found = DOCUMENTS[name]()

    page = render_html(document, found, photograph, inputs={}, labels={}).decode()

    texts = [html.unescape(re.sub(r"<[^>]+>", "", one)) for one in PARAGRAPH.findall(page)]
    assert len(texts) > 10
    assert [one for text in texts for one in crowded(" ".join(text.split()))] == []
