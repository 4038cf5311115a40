"""The library: what a search found becomes the domain's finding, field by field."""

from dataclasses import fields

import modicum_sis.findings as sis
import pytest
import torch
from modicum_server.domain.findings import (
    FindingControls,
)
from modicum_server.domain.searches import SearchMethod
from modicum_server.generated import worker_pb2
from modicum_server.model_process import findings
from modicum_sis import BackSelect, load_findings, save_findings

from tests.borders.crossing import assert_crosses
from tests.borders.filling import filled


def trace_of(number: int) -> sis.Trace:
    kept = torch.tensor([4, 3])
    return sis.Trace(torch.tensor([0]), torch.tensor([number / 1024, 0.5]), kept, torch.ones(2, 2, dtype=torch.bool))


def narrowing_of(number: int) -> sis.Narrowing:
    masks = torch.tensor([[[True, True], [True, False]], [[True, False], [False, False]]])
    return sis.Narrowing(masks, torch.tensor([number / 1024, 0.5], dtype=torch.float64))


SIS_LEAVES = {
    torch.Tensor: lambda number: torch.tensor([[True, False], [True, True]]),
    sis.Trace: trace_of,
    sis.Narrowing: narrowing_of,
    sis.Reason: lambda number: sis.Reason.FILL_UNAVAILABLE,
}
#: What stays in the library: `index` and `digest` name the image, the item does here; `parameters` are of the search
#: and stand in the result document; the bare fill's own confidence is not reported.
NOT_REPORTED = frozenset({"index", "digest", "parameters", "baseline_confidence"})
#: Of another class's finding: the class, the subset, its confidence and the passes.
OF_ANOTHER_CLASS = frozenset({"target_class", "subset", "verified_confidence", "passes"})
LIBRARY = {
    "finding": (
        lambda: filled(sis.Finding, SIS_LEAVES),
        lambda found: findings.finding_of(found, worker_pb2.Item(), search_index=0, controls=FindingControls()),
        NOT_REPORTED | {"subset.mask", "trace", "narrowing.masks", "narrowing.confidences"},
    ),
    "class_targeted": (
        lambda: filled(findings.ClassTargeted, SIS_LEAVES),
        findings.class_targeted_of,
        frozenset({"index", "finding.subset.mask"})
        | {f"finding.{one.name}" for one in fields(sis.Finding) if one.name not in OF_ANOTHER_CLASS},
    ),
    "fill_robust": (
        lambda: filled(findings.FillRobust, SIS_LEAVES),
        findings.fill_robust_of,
        frozenset({"index", "subset"}),
    ),
    "pixel_subset": (
        lambda: filled(findings.PixelSubset, SIS_LEAVES),
        lambda found: findings.pixel_subset_of(found, SearchMethod.BATCHED_GRADIENT),
        frozenset({"index", "target_class", "mask", "trace"}),
    ),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_every_field_of_what_the_library_found_is_reported(name):
    make, report, but = LIBRARY[name]
    found = make()

    assert_crosses(found, report(found), but=but, renamed={f"finding.{one}": one for one in OF_ANOTHER_CLASS})


@pytest.mark.parametrize(
    ("report", "elsewhere"),
    [
        # the item has its own, the worker knows the version and the search, and controls are asked for one by one
        (
            lambda: LIBRARY["finding"][1](LIBRARY["finding"][0]()),
            {"position", "item", "image_digest", "model_version", "search_index", "label", "controls"},
        ),
        (lambda: findings.fill_robust_of(LIBRARY["fill_robust"][0]()), set()),
        (lambda: LIBRARY["pixel_subset"][1](LIBRARY["pixel_subset"][0]()), set()),
        (lambda: findings.class_targeted_of(filled(findings.ClassTargeted, SIS_LEAVES)), set()),
    ],
    ids=["finding", "fill_robust", "pixel_subset", "class_targeted"],
)
def test_every_field_is_made_of_what_the_library_found(report, elsewhere):
    made = report()

    empty = {field.name for field in fields(made) if getattr(made, field.name) in (None, 0, "", ())}
    assert empty - elsewhere == set()


def test_every_field_of_what_the_library_found_is_in_its_findings_file(tmp_path):
    parameters = filled(sis.Parameters, SIS_LEAVES, search=BackSelect())
    found = filled(sis.Finding, SIS_LEAVES, parameters=parameters)

    save_findings(tmp_path / "findings", [found])
    (came,) = load_findings(tmp_path / "findings")

    arrays = frozenset(
        {"subset.mask", "trace.order", "trace.scores", "trace.kept", "trace.start"}
        | {"narrowing.masks", "narrowing.confidences"}
    )
    assert_crosses(found, came, but=arrays)
    assert torch.equal(came.subset.mask, found.subset.mask)
    assert torch.equal(came.narrowing.masks, found.narrowing.masks)
    assert torch.equal(came.narrowing.confidences, found.narrowing.confidences)
    assert all(
        torch.equal(getattr(came.trace, one.name), getattr(found.trace, one.name)) for one in fields(found.trace)
    )
