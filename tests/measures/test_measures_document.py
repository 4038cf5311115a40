"""The result document. MODICUM_UPDATE_GOLDENS=1 rewrites the golden: read the difference before you commit it."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import Ensemble, Executable, ExecutableKind, Weights
from modicum_server.domain.searches import Fill, Search, SearchMethod
from modicum_server.domain.spots import SpotRow
from modicum_server.measures import canonical_json

from tests.measures.example_audit import (
    OTHER_VERSION,
    SEARCH,
    VERSION,
    document_and_rows,
    failed,
    finding,
    mixed_findings,
    not_eligible,
    variants,
    version,
)

GOLDEN = Path(__file__).parent / "golden" / "result.json"


def test_the_document_is_the_golden_one():
    document, _ = document_and_rows(mixed_findings())

    written = json.dumps(json.loads(canonical_json(document)), indent=1, sort_keys=True) + "\n"
    if os.environ.get("MODICUM_UPDATE_GOLDENS"):
        GOLDEN.write_text(written)
    assert written == GOLDEN.read_text()


def test_the_document_does_not_depend_on_the_order_of_the_rows():
    findings = mixed_findings()

    first, _ = document_and_rows(findings)
    second, _ = document_and_rows(findings[::-1])

    assert first["models"] == second["models"]
    assert first["passes"] == second["passes"]


def test_the_measures_of_versions_and_searches_stand_apart_in_the_order_of_the_specification():
    batched = Search(SearchMethod.BATCHED_GRADIENT, 0.9, fill=Fill.BLACK, pixels_per_step=1)
    findings = [
        finding(0, size, model_version=name, search_index=index)
        for name, index, size in [(VERSION, 0, 2), (VERSION, 1, 4), (OTHER_VERSION, 0, 6), (OTHER_VERSION, 1, 8)]
    ]

    document, _ = document_and_rows(findings, versions=(OTHER_VERSION, VERSION), searches=(SEARCH, batched))

    sizes = [
        [search["measures"]["subset_size_median"]["value"] for search in model["searches"]]
        for model in document["models"]
    ]
    assert sizes == [[6, 8], [2, 4]]
    assert document["models"][0]["model_version"] == OTHER_VERSION


def test_only_the_search_that_went_without_a_gradient_is_said_to_have():
    backselect = Search(SearchMethod.BACKSELECT, 0.9, fraction=0.5)
    findings = [
        finding(0, model_version=name, search_index=index) for name in (VERSION, OTHER_VERSION) for index in (0, 1)
    ]

    document, _ = document_and_rows(
        findings, versions=(VERSION, OTHER_VERSION), searches=(SEARCH, backselect), gradient_free=[VERSION]
    )

    said = [[search["gradient_free"] for search in model["searches"]] for model in document["models"]]
    assert said == [[True, False], [False, False]]


def test_failures_are_listed_with_their_reasons():
    document, _ = document_and_rows([finding(0), failed(1)])

    expected = {"item": "image-1.png", "model_version": VERSION, "search_index": 0, "reason": "IMAGE_UNREADABLE"}
    assert document["failures"] == [expected]


def test_passes_of_the_control_are_counted_with_those_of_the_search():
    document, _ = document_and_rows(mixed_findings())

    searched = {"forward": 1100 + 9 * 80, "backward": 550 + 9 * 40}
    fills = 8
    assert document["passes"] == {
        "forward": searched["forward"] + fills,
        "backward": searched["backward"],
        "equivalents": searched["forward"] + fills + 2 * searched["backward"],
        "spot": 0,
    }


def test_passes_of_re_scored_variants_are_counted():
    document, _ = document_and_rows([finding(0, controls=variants()), finding(1)])

    assert document["passes"]["forward"] == 2 * 100 + 4


def test_passes_of_the_spot_test_are_counted():
    rows = {VERSION: [SpotRow(None, passes=30), SpotRow(0, passes=12), SpotRow(1, reason=FindingReason.MODEL_DIED)]}

    document, _ = document_and_rows([finding(0)], spots=rows)

    assert document["passes"] == {"forward": 100 + 42, "backward": 50, "equivalents": 100 + 42 + 2 * 50, "spot": 42}


def test_an_audit_without_findings_has_a_document():
    document, _ = document_and_rows([])

    assert document["models"][0]["searches"][0]["counts"]["images"] == 0


def test_canonical_json_sorts_its_keys_and_refuses_nan():
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"value": float("nan")})


def test_each_version_names_the_files_of_weights_that_it_runs():
    both = "projects/default/models/both/versions/1"
    sources = {VERSION: Weights("1a" * 32, "x:y"), both: Ensemble((VERSION, OTHER_VERSION))}
    part = version(OTHER_VERSION, Executable("2b" * 32, ExecutableKind.EXPORTED))
    findings = [finding(0, model_version=name) for name in (VERSION, both)]

    document, _ = document_and_rows(findings, versions=(VERSION, both), sources=sources, parts=(part,))

    files = [model["weights_digests"] for model in document["models"]]
    assert files == [{VERSION: "1a" * 32}, {VERSION: "1a" * 32, OTHER_VERSION: "2b" * 32}]
    assert [model["members"] for model in document["models"]] == [[], [VERSION, OTHER_VERSION]]


def test_copies_of_a_picture_are_counted_once_under_all_searches():
    batched = Search(SearchMethod.BATCHED_GRADIENT, 0.9, fill=Fill.BLACK, pixels_per_step=1)
    digests = [hashlib.sha256(picture).hexdigest() for picture in (b"a", b"b", b"a", b"a", b"c")]
    found = [
        finding(at, image_digest=digest, search_index=index) for at, digest in enumerate(digests) for index in (0, 1)
    ]

    document, _ = document_and_rows(found, searches=(SEARCH, batched))

    assert (document["dataset"]["copies"], document["dataset"]["pictures"]) == (2, 3)
    assert document_and_rows([finding(at) for at in range(5)])[0]["dataset"]["copies"] == 0


COPIED = [
    finding(0, 3, label=0),
    not_eligible(1, label=1),
    finding(2, 40, label=1, image_digest=finding(0).image_digest),
    finding(3, 5, label=1),
]
"""Of four images the third is a copy of the first, with another label and another subset."""


def test_each_picture_counts_once_in_every_measure_and_the_copy_that_comes_first_counts():
    document, _ = document_and_rows(COPIED)
    without, _ = document_and_rows([one for one in COPIED if one.position != 2])

    with_copy, plain = (one["models"][0]["searches"][0] for one in (document, without))

    assert with_copy["measures"] == plain["measures"]
    assert with_copy["counts"] == plain["counts"]
    assert document["dataset"]["audited"] == document["findings"]["rows"] == 4
    said = "1 image is a copy of another, byte for byte; each picture counts once."
    assert document["models"][0]["summary"][-1] == said
