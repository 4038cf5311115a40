"""An audit with nothing to measure has a result that says so, in JSON that every reader accepts."""

import json
from datetime import UTC, datetime

import pytest
from modicum_server.domain.audits import Audit, AuditSpecification, AuditState, ItemCounts
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.findings import Finding, FindingReason, Passes
from modicum_server.domain.models import InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.domain.searches import Canvas, Search, SearchMethod
from modicum_server.measures import canonical_json, result_document

VERSION = "projects/default/models/net/versions/1"
DATASET = "projects/default/datasets/photos"
SEARCH = Search(SearchMethod.MASK_OPTIMIZATION, 0.999999, passes=100)
BEGUN = datetime(2026, 1, 2, tzinfo=UTC)


def document_of(findings: list[Finding]) -> dict:
    requested = AuditSpecification((VERSION,), DATASET, Canvas(1, 8, 8), (SEARCH,), (), 0, 0, "auto")
    given = InputSpecification(1, 8, 8, 0.0, 1.0, 0, "nearest", (0.5,), (0.5,))
    version = ModelVersion(
        VERSION, Weights("1" * 64, "timm:x"), given, ("cat", "dog"), "2" * 64, VersionState.READY, BEGUN
    )
    audit = Audit(
        "projects/default/audits/none",
        requested,
        reuse_key="key",
        item_count=len(findings),
        state=AuditState.RUNNING,
        sequence=1,
        principal="ada",
        create_time=BEGUN,
    )
    return result_document(
        audit=audit,
        dataset=Dataset(DATASET, "3" * 64, len(findings), len(findings), BEGUN),
        item_counts=ItemCounts(len(findings), 0, 0),
        versions=[version],
        findings=findings,
        parameters={},
        findings_digest="4" * 64,
    )


def unsure(position: int, **changes) -> Finding:
    fields = {"reason": FindingReason.NOT_ELIGIBLE, "predicted_class": 0, "label": 0, "confidence": 0.5, **changes}
    return Finding(position, f"{position}.png", "5" * 64, VERSION, 0, passes=Passes(1, 0), **fields)


@pytest.mark.parametrize("count", [1, 30])
def test_a_result_without_eligible_images_says_so(count):
    document = document_of([unsure(position) for position in range(count)])

    written = json.loads(canonical_json(document), parse_constant=pytest.fail)
    measures = written["models"][0]["searches"][0]["measures"]
    assert measures["eligible_share"]["value"] == 0
    assert written["failures"] == []
    for name, measure in measures.items():
        assert measure["value"] is not None or measure["unavailable"], name
