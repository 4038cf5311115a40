"""Result documents and findings artifacts as values, and how they print."""

import base64
import gzip
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from modicum.cli.tables import headline, show_result
from modicum.errors import ServiceError
from modicum.measures import Measure, number, percent
from modicum.results import document_of, result_of
from rich.console import Console

MASK = np.array([[True, False, False], [False, True, True]])

ROW = {
    "item": "cat/a.jpg",
    "position": 0,
    "image_digest": "d" * 64,
    "model_version": "projects/default/models/m/versions/1",
    "search_index": 0,
    "label": 1,
    "predicted_class": 1,
    "target_class": 1,
    "eligible": True,
    "confidence": 0.97,
    "margin": 3.4,
    "baseline_confident": False,
    "subset": {
        "mask": base64.b64encode(np.packbits(MASK)).decode(),
        "height": 2,
        "width": 3,
        "size": 3,
        "fraction": 0.5,
    },
    "verified_confidence": 0.91,
    "budget_exhausted": False,
    "saturated": False,
    "reason": None,
    "passes": {"forward": 10, "backward": 5},
    "trace": {"kept": [6, 3], "confidences": [0.97, 0.91]},
    "controls": {
        "class_targeted": {"target_class": 0, "found": True, "size": 4, "size_ratio": 1.3, "verified_confidence": 0.92},
        "fills": [{"fill": "black", "confidence": 0.2, "sufficient": False}],
        "variants": [],
    },
}
UNREADABLE = {
    **ROW,
    "item": "b.jpg",
    "label": None,
    "predicted_class": None,
    "target_class": None,
    "eligible": False,
    "subset": None,
    "reason": "IMAGE_UNREADABLE",
    "trace": None,
    "controls": {"class_targeted": None, "fills": [], "variants": []},
}


def share(value, low=None, high=None, n=58):
    interval = {"low": low, "high": high, "method": "wilson", "level": 0.95, "n": n} if low is not None else None
    return {"value": value, "unit": "share", "interval": interval, "n": n, "parameters": {"alpha": 0.05}}


DOCUMENT = {
    "schema_version": 1,
    "models": [
        {
            "model_version": ROW["model_version"],
            "digest": "e" * 64,
            "searches": [
                {
                    "search": {"method": "mask_optimization", "threshold": 0.9, "fill": "mean"},
                    "search_digest": "f" * 64,
                    "measures": {
                        "overinterpretation_rate": share(0.62, 0.55, 0.69),
                        "overinterpretation_rate_class_targeted": share(0.58),
                        "accuracy": {"value": None, "unit": "share", "n": 0, "unavailable": "no labels"},
                    },
                    "readings": [{"control": "fill", "text": "few survive", "outcome": "WEAK"}],
                    "counts": {
                        "images": 2,
                        "eligible": 1,
                        "baseline_confident": 0,
                        "with_subset": 1,
                        "failed": 1,
                        "budget_exhausted": 0,
                        "saturated": 0,
                    },
                }
            ],
        }
    ],
    "findings": {"digest": "a" * 64, "rows": 2, "format": "jsonl+gzip"},
}


@pytest.fixture
def result():
    rows = "".join(json.dumps(row) + "\n" for row in (ROW, UNREADABLE))
    return result_of(document_of(json.dumps(DOCUMENT).encode()), gzip.compress(rows.encode()))


def test_a_rate_prints_with_its_interval_and_what_must_be_read_beside_it(result):
    rate = result.models[0].overinterpretation_rate

    assert str(rate) == "0.62 (0.55 to 0.69), class-targeted 0.58"
    assert (rate.value, rate.low, rate.high, rate.n, float(rate)) == (0.62, 0.55, 0.69, 58, 0.62)
    assert rate.beside["class-targeted"].value == 0.58


def test_a_measure_says_why_it_is_unavailable_and_that_it_has_no_interval(result):
    measures = result.models[0].searches[0].measures

    assert str(result.models[0].accuracy) == "unavailable: no labels"
    assert str(measures["overinterpretation_rate_class_targeted"]) == "0.58 (n = 58, no interval)"
    assert str(result.models[0].border_share_median) == "unavailable: not in this result"


def test_an_open_end_of_an_interval_prints_as_open():
    measure = Measure(name="m", value=0.004, unit="pixels share", n=11, low=None, high=0.01, method="order statistics")

    assert str(measure) == "0.004 (open to 0.01)"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.00"), (0.62, "0.62"), (0.0054, "0.0054"), (1.2, "1.20"), (512, "512")]
)
def test_numbers_show_two_digits_or_two_decimals(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0%"), (0.0054, "0.54%"), (0.05, "5%"), (0.62, "62%"), (1, "100%")])
def test_percentages_show_two_digits(value, text):
    assert percent(value) == text


def test_a_findings_mask_is_the_boolean_array_that_was_packed(result):
    finding = result.findings[0]

    assert finding.subset.mask.dtype == np.bool_
    assert np.array_equal(finding.subset.mask, MASK)
    assert not finding.subset.mask.flags.writeable
    assert finding.subset.fraction == 0.5
    assert finding.passes.equivalents == 20
    assert finding.controls.class_targeted.size_ratio == 1.3
    assert finding.controls.fills[0].fill == "black"
    assert finding.trace.kept == (6, 3)


def test_a_finding_without_a_subset_says_why(result):
    finding = result.findings[1]

    assert (finding.subset, finding.predicted_class, finding.reason) == (None, None, "IMAGE_UNREADABLE")


def test_a_document_of_another_schema_is_refused():
    with pytest.raises(ServiceError, match="reads 1"):
        document_of(b'{"schema_version": 2}')


def test_a_search_without_a_gradient_is_said_where_there_was_one():
    entry = DOCUMENT["models"][0]["searches"][0]
    blind = {**DOCUMENT, "models": [{**DOCUMENT["models"][0], "searches": [entry, {**entry, "gradient_free": True}]}]}
    searches = result_of(blind, gzip.compress(b"")).models[0].searches

    said = ["searched by forward passes alone" in " ".join(headline(search)) for search in searches]

    assert said == [search.gradient_free for search in searches] == [False, True]


def test_another_class_that_the_bare_fill_argues_for_is_no_multiple_of_the_size(result):
    controls = result.findings[0].controls
    bare = replace(controls, class_targeted=replace(controls.class_targeted, size=0, size_ratio=0.0))
    console = Console(file=io.StringIO(), width=200)

    show_result(console, replace(result, findings=(replace(result.findings[0], controls=bare),)), {})

    assert "the bare fill alone suffices for 0" in console.file.getvalue()


def test_the_headline_tells_counts_rate_and_readings(result):
    lines = list(headline(result.models[0].searches[0]))

    assert lines[0].startswith("2 images: 1 eligible")
    assert lines[1].endswith("at most 5% of the pixels suffices): 0.62 (0.55 to 0.69), class-targeted 0.58")
    assert lines[-1] == "fill: few survive"
