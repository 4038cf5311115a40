"""Result documents and findings artifacts: their values, and how they print."""

import base64
import gzip
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from modicum.cli.result_tables import headline, show_result
from modicum.errors import ServiceError
from modicum.findings import FillRobustFinding, finding_of
from modicum.measures import Measure
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


def test_a_rate_prints_with_its_interval_and_the_measure_beside_it(result):
    rate = result.models[0].overinterpretation_rate

    assert str(rate) == "0.62 (0.55 to 0.69), class-targeted 0.58 (n = 58, no interval)"
    assert (rate.value, rate.low, rate.high, rate.n, float(rate)) == (0.62, 0.55, 0.69, 58, 0.62)
    assert rate.beside["class-targeted"].value == 0.58


def test_the_measure_beside_a_rate_prints_with_its_own_interval(result):
    rate = result.models[0].overinterpretation_rate
    companion = replace(rate.beside["class-targeted"], low=0.51, high=0.65, method="wilson")

    assert str(replace(rate, beside={"class-targeted": companion})).endswith("), class-targeted 0.58 (0.51 to 0.65)")


def test_a_measure_says_why_it_is_unavailable_and_that_it_has_no_interval(result):
    measures = result.models[0].searches[0].measures

    assert str(result.models[0].accuracy) == "unavailable: no labels"
    assert str(measures["overinterpretation_rate_class_targeted"]) == "0.58 (n = 58, no interval)"
    assert str(result.models[0].border_share_median) == "unavailable: not in this result"


def test_an_open_end_of_an_interval_prints_as_open():
    measure = Measure(name="m", value=0.004, unit="pixels share", n=11, low=None, high=0.01, method="order statistics")

    assert str(measure) == "0.0040 (open to 0.010)"


def test_the_mask_of_a_finding_is_the_boolean_array_that_was_packed(result):
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
    with pytest.raises(ServiceError, match="schema 6, this client reads 1, 2, 3, 4 or 5"):
        document_of(b'{"schema_version": 6}')


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_a_document_of_this_schema_and_of_those_before_is_read(version):
    assert document_of(json.dumps({"schema_version": version}).encode()) == {"schema_version": version}


def test_an_old_result_keeps_the_outcome_that_it_has():
    (model,) = DOCUMENT["models"]
    old = {"control": "shortcut", "text": "costs 1%: clear.", "outcome": "CLEAR"}
    searches = [{**search, "readings": [old]} for search in model["searches"]]

    result = result_of({**DOCUMENT, "models": [{**model, "searches": searches}]}, gzip.compress(b""))

    assert result.models[0].shortcut == "CLEAR"


def test_the_last_pixels_of_an_image_are_read_and_shown(result):
    entry = {
        "subset": ROW["subset"],
        "confidence": 0.75,
        "predicted_class": 1,
        "random_confidence": 0.25,
        "random_predicted_class": 0,
        "trace": ROW["trace"],
        "passes": ROW["passes"],
    }
    found = finding_of({**UNREADABLE, "reason": "NOT_ELIGIBLE", "controls": {"pixel_subset": entry}})
    console = Console(file=io.StringIO(), width=250)

    show_result(console, replace(result, findings=(found,)), {})

    measured = found.controls.pixel_subset
    assert np.array_equal(measured.subset.mask, MASK)
    assert (measured.predicted_class, measured.random_predicted_class, measured.passes.equivalents) == (1, 0, 20)
    assert measured.trace.kept == (6, 3)
    shown = "below the threshold: not searched; confidence on the chosen 3 pixels 0.75, on as many random ones 0.25"
    assert shown in console.file.getvalue()


def test_the_accuracy_on_the_last_pixels_and_the_curve_come_from_the_document():
    entry = DOCUMENT["models"][0]["searches"][0]
    plain = {"n": 4, "interval": None, "parameters": {}}
    curve = [{"kept_share": 0.0, "confidence": 0.1, "low": None, "high": None}]
    measures = {
        **entry["measures"],
        "pixel_subsets_accuracy": {**plain, "value": 0.5, "unit": "share"},
        "pixel_subsets_confidence_mean": {**plain, "value": 0.3, "unit": "confidence", "parameters": {"curve": curve}},
    }
    document = {**DOCUMENT, "models": [{**DOCUMENT["models"][0], "searches": [{**entry, "measures": measures}]}]}

    model = result_of(document, gzip.compress(b"")).models[0]

    assert model.pixel_subsets_accuracy.value == 0.5
    assert model.confidence_curve == tuple(curve)
    assert result_of(DOCUMENT, gzip.compress(b"")).models[0].confidence_curve == ()


def test_a_search_without_a_gradient_is_marked():
    entry = DOCUMENT["models"][0]["searches"][0]
    blind = {**DOCUMENT, "models": [{**DOCUMENT["models"][0], "searches": [entry, {**entry, "gradient_free": True}]}]}
    searches = result_of(blind, gzip.compress(b"")).models[0].searches

    said = ["searched with forward passes only" in " ".join(headline(search)) for search in searches]

    assert said == [search.gradient_free for search in searches] == [False, True]


def test_a_class_for_which_the_bare_fill_is_sufficient_has_no_ratio_of_sizes(result):
    controls = result.findings[0].controls
    bare = replace(controls, class_targeted=replace(controls.class_targeted, size=0, size_ratio=0.0))
    console = Console(file=io.StringIO(), width=200)

    show_result(console, replace(result, findings=(replace(result.findings[0], controls=bare),)), {})

    assert "the bare fill alone is sufficient for 0" in console.file.getvalue()


@pytest.mark.parametrize(
    ("robust_fields", "shown"),
    [
        ({}, "9 pixels are sufficient with 30 of 32 other images as the fill, 3.00x the size"),
        ({"budget_exhausted": True}, "with other images as the fill, only the whole image is sufficient"),
        ({"reason": "FILL_UNAVAILABLE"}, "with other images as the fill: too few other images for the fill"),
    ],
    ids=["found", "nothing smaller", "too few donors"],
)
def test_the_fill_robust_control_is_shown_with_its_number_of_images(result, robust_fields, shown):
    robust = FillRobustFinding(9, 3.0, 32, 30, 0.95, budget_exhausted=False, reason="")
    controls = replace(result.findings[0].controls, fill_robust=replace(robust, **robust_fields))
    console = Console(file=io.StringIO(), width=300)

    show_result(console, replace(result, findings=(replace(result.findings[0], controls=controls),)), {})

    assert shown in console.file.getvalue()


def test_the_headline_tells_counts_rate_and_readings(result):
    lines = list(headline(result.models[0].searches[0]))

    assert lines[0].startswith("2 images: 1 eligible")
    assert lines[1].endswith(
        "at most 5% of the pixels is sufficient): 0.62 (0.55 to 0.69), class-targeted 0.58 (n = 58, no interval)"
    )
    assert lines[-1] == "fill: few survive"


OTHER = "projects/default/models/n/versions/2"
MATRIX = {
    "specification": {"searches": [{"method": "mask_optimization", "threshold": 0.9, "fill": "mean"}]},
    "transfer": [
        {
            "source": source,
            "scorer": scorer,
            "search_index": 0,
            "measures": {
                f"{scope}_{name}": measure
                for scope in ("transfer", "transfer_agreed")
                for name, measure in (
                    ("class_kept_share", kept),
                    ("sufficient_share", share(0.2, 0.1, 0.3)),
                    ("confidence_median", {"value": 0.4, "unit": "confidence", "n": 58}),
                )
            },
        }
        for source, scorer, kept in (
            (ROW["model_version"], OTHER, share(0.62, 0.55, 0.69)),
            (OTHER, ROW["model_version"], {"value": None, "unit": "share", "n": 0, "unavailable": "none was scored"}),
        )
    ],
}
TRANSFERRED = {
    **ROW,
    "controls": {
        **ROW["controls"],
        "transfers": [
            {"model_version": OTHER, "confidence": 0.31, "sufficient": False, "predicted_class": 2, "reason": None},
            {
                "model_version": ROW["model_version"],
                "confidence": 0.0,
                "sufficient": False,
                "predicted_class": None,
                "reason": "MODEL_DIED",
            },
        ],
    },
}


@pytest.fixture
def several():
    return result_of(
        document_of(json.dumps(DOCUMENT | MATRIX).encode()), gzip.compress(json.dumps(TRANSFERRED).encode())
    )


def test_a_transfer_is_a_cell_of_the_matrix(several):
    first, second = several.transfer

    assert (first.source, first.scorer, first.search_index) == (ROW["model_version"], OTHER, 0)
    assert str(first.class_kept_share) == "0.62 (0.55 to 0.69)"
    assert (first.sufficient_share.value, first.confidence_median.value) == (0.2, 0.4)
    assert str(second.class_kept_share) == "unavailable: none was scored"


def test_the_score_of_another_version_is_in_the_finding(several):
    scored, died = several.findings[0].controls.transfers

    assert (scored.model_version, scored.confidence, scored.predicted_class, scored.reason) == (OTHER, 0.31, 2, "")
    assert (died.predicted_class, died.reason) == (None, "MODEL_DIED")


def test_the_matrix_has_the_owners_of_subsets_in_rows_and_the_scorers_in_columns(several):
    console = Console(file=io.StringIO(), width=200)

    show_result(console, several, {})

    printed = console.file.getvalue()
    assert "scored by n/2" in printed
    assert "0.62 (0.55 to 0.69)" in printed
    assert "confidence in n/2 0.31" in printed


def test_a_result_without_the_control_has_no_matrix(result):
    assert result.transfer == ()
    assert result.findings[0].controls.transfers == ()


def with_reading(control: str, outcome: str) -> dict:
    entry = DOCUMENT["models"][0]["searches"][0]
    told = {**entry, "readings": [*entry["readings"], {"control": control, "text": "It says.", "outcome": outcome}]}
    return {**DOCUMENT, "models": [{**DOCUMENT["models"][0], "searches": [told]}]}


def test_the_spot_test_is_a_property_of_a_model_and_empty_where_it_did_not_run():
    tested = result_of(with_reading("spot", "NONE_FOUND"), gzip.compress(b"")).models[0]

    assert tested.spot == "NONE_FOUND"
    assert result_of(DOCUMENT, gzip.compress(b"")).models[0].spot == ""


def test_the_properties_of_a_model_come_from_its_search_for_the_predicted_class():
    entry = DOCUMENT["models"][0]["searches"][0]
    found = {"other_class_found_share": share(0.4, 0.3, 0.5)}
    other = {**entry, "search": {**entry["search"], "target_rule": "random_other"}, "measures": found}
    document = {**DOCUMENT, "models": [{**DOCUMENT["models"][0], "searches": [other, entry]}]}

    model = result_of(document, gzip.compress(b"")).models[0]

    assert model.overinterpretation_rate.value == 0.62
    assert list(headline(model.searches[0]))[1] == "images with a subset for a random other class: 0.40 (0.30 to 0.50)"
