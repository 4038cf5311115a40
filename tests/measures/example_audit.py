"""Small audits whose findings can be counted by hand: an 8x8 canvas, masks of the first pixels in row-major order."""

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from modicum_server.domain.audits import Audit, AuditSpecification, AuditState, ItemCounts
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.findings import (
    ClassTargetedFinding,
    FillFinding,
    Finding,
    FindingControls,
    FindingReason,
    Passes,
    ScoredVariant,
    Subset,
    Trace,
)
from modicum_server.domain.models import InputSpecification, ModelCheck, ModelVersion, Source, VersionState, Weights
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, Search, SearchMethod
from modicum_server.domain.statistics import DEFAULTS, Statistics
from modicum_server.measures import FindingsArtifact, result_document, write_findings

VERSION = "projects/default/models/tiny/versions/1"
OTHER_VERSION = "projects/default/models/tiny/versions/2"
SIDE = 8
CANVAS = Canvas(3, SIDE, SIDE)
SEARCH = Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=600)
INPUT = InputSpecification(3, SIDE, SIDE, 0.0, 1.0, 0, "bilinear", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
WEIGHTS = Weights("b" * 64, "modicum:tiny")
LABELS = ("cat", "dog", "owl")
CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def subset(size: int, side: int = SIDE) -> Subset:
    mask = np.arange(side * side) < size
    return Subset(np.packbits(mask).tobytes(), side, side, size)


def finding(position: int = 0, size: int | None = 3, **changes) -> Finding:
    plain = Finding(
        position=position,
        item=f"image-{position}.png",
        image_digest=hashlib.sha256(str(position).encode()).hexdigest(),
        model_version=VERSION,
        search_index=0,
        label=0,
        predicted_class=0,
        target_class=0,
        eligible=True,
        confidence=0.97,
        margin=3.5,
        subset=None if size is None else subset(size),
        verified_confidence=0.92,
        passes=Passes(100, 50),
        trace=Trace((64, 32, 3), (0.97, 0.95, 0.92)),
    )
    return replace(plain, **changes)


def not_eligible(position: int = 0, **changes) -> Finding:
    return finding(position, None, eligible=False, confidence=0.6, reason=FindingReason.NOT_ELIGIBLE, **changes)


def failed(position: int = 0, reason: FindingReason = FindingReason.IMAGE_UNREADABLE) -> Finding:
    nothing = {"predicted_class": None, "target_class": None, "eligible": False, "confidence": 0.0, "trace": None}
    return finding(position, None, reason=reason, passes=Passes(), **nothing)


def controls(size: int | None, *, black: bool | None = None, predicted_size: int = 3) -> FindingControls:
    """A class-targeted search that found `size` pixels (None: nothing), and whether black kept it sufficient."""
    other = ClassTargetedFinding(1, size is not None, size or 0, (size or 0) / predicted_size, 0.91, Passes(80, 40))
    fills = () if black is None else (FillFinding(Fill.BLACK, 0.95 if black else 0.2, black),)
    return FindingControls(class_targeted=other, fills=fills)


def variants(*, sufficient: bool = True, confidence: float = 0.95, predicted: int = 0) -> FindingControls:
    """All variants of a subset, with one outcome."""
    names = ("dilated", "white_on_mean", "black_on_mean", "random")
    return FindingControls(
        variants=tuple(
            ScoredVariant(name, confidence, sufficient=sufficient, predicted_class=predicted) for name in names
        )
    )


PLANS = (ControlPlan(Control.CLASS_TARGETED, images=4), ControlPlan(Control.FILL))


def audit(
    *,
    versions: Sequence[str] = (VERSION,),
    searches: Sequence[Search] = (SEARCH,),
    count: int = 1,
    plans: Sequence[ControlPlan] = PLANS,
    statistics: Statistics = DEFAULTS,
) -> Audit:
    dataset = "projects/default/datasets/few"
    specification = AuditSpecification(
        tuple(versions), dataset, CANVAS, tuple(searches), tuple(plans), 7, 0, "cpu", statistics=statistics
    )
    return Audit("projects/default/audits/a", specification, "f" * 64, count, AuditState.RUNNING, 3, "me", CREATED)


def version(
    name: str = VERSION,
    source: Source = WEIGHTS,
    check: ModelCheck | None = None,
    labels: tuple[str, ...] = LABELS,
    specification: InputSpecification = INPUT,
) -> ModelVersion:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return ModelVersion(name, source, specification, labels, digest, VersionState.READY, CREATED, check=check)


def pack(findings: Iterable[Finding]) -> bytes:
    """The findings artifact of these findings."""
    packed = io.BytesIO()
    write_findings(findings, packed)
    return packed.getvalue()


def read(packed: bytes) -> FindingsArtifact:
    """The findings in an artifact."""
    return FindingsArtifact(lambda: (packed,))


def counts_of(findings: Sequence[Finding]) -> ItemCounts:
    """How many images of the findings have labels and boxes."""
    labelled = {one.position for one in findings if one.label is not None}
    boxed = {one.position for one in findings if one.controls.objects is not None}
    return ItemCounts(len(labelled), len(boxed), 0)


def document_and_rows(
    findings: Sequence[Finding],
    *,
    versions=(VERSION,),
    searches=(SEARCH,),
    sources=None,
    check=None,
    plans=PLANS,
    class_labels=None,
    inputs=None,
    second=None,
    parts=(),
    statistics=DEFAULTS,
    spots=None,
    retests=None,
    counterfactual=None,
    item_counts=None,
    **parameters,
):
    packed = pack(findings)
    images = len({one.position for one in findings})
    document = result_document(
        audit=audit(versions=versions, searches=searches, count=images, plans=plans, statistics=statistics),
        dataset=Dataset("projects/default/datasets/few", "c" * 64, images, images, CREATED),
        item_counts=item_counts or counts_of(findings),
        versions=[
            version(
                name,
                (sources or {}).get(name, WEIGHTS),
                check,
                (class_labels or {}).get(name, LABELS),
                (inputs or {}).get(name, INPUT),
            )
            for name in versions
        ],
        findings=read(packed),
        parameters={"device": "cpu", "chunk_size": 4, "versions": {"torch": "2.4"}, "donor_digests": [], **parameters},
        findings_digest=hashlib.sha256(packed).hexdigest(),
        second=second,
        parts=parts,
        spots=spots,
        retests=retests,
        counterfactual=counterfactual,
    )
    return document, read(packed)


def measures_of(findings: Sequence[Finding]) -> dict:
    document, _ = document_and_rows(findings)
    return document["models"][0]["searches"][0]["measures"]


def mixed_findings() -> list[Finding]:
    """Thirteen images of every kind."""
    searched = [
        finding(
            place,
            place + 1,
            label=place % 2,
            controls=controls(2 * place + 2, black=place > 6, predicted_size=place + 1),
        )
        for place in range(8)
    ]
    return [
        *searched,
        finding(8, None, budget_exhausted=True, controls=controls(None)),
        finding(9, 0, baseline_confident=True),
        not_eligible(10, label=None),
        failed(11),
        failed(12, FindingReason.MODEL_DIED),
    ]
