"""The client: every field of a message, a row or the document is in the client's class."""

import json
from dataclasses import fields

import pytest
from modicum import comparisons as client_across
from modicum import datasets as client_datasets
from modicum import findings as client_findings
from modicum import measures as client_measures
from modicum import results as client_results
from modicum import snapshots as client_snapshots
from modicum import trail as client_trail
from modicum import verdicts as client_verdicts
from modicum import versions as client_versions
from modicum_server.codec import access, audits, datasets, models, verdicts
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import (
    InputSpecification,
    Model,
    ModelCheck,
    ModelVersion,
)
from modicum_server.measures.checked_versions import CheckedVersion
from modicum_server.measures.comparisons import Comparison
from modicum_server.measures.measure import Measure
from modicum_server.measures.mitigation import Mitigation
from modicum_server.measures.rows import finding_row
from modicum_server.measures.transfer import Transfer as TransferPair

from tests.borders.crossing import assert_crosses, leaves_of
from tests.borders.filling import filled
from tests.borders.records import (
    AUDIT,
    FINDING,
    NOT_TOLD_OF_AUDITS,
    NOT_TOLD_OF_VERSIONS,
    SOURCES,
    TRAIL_ENTRY,
    VERDICT,
)


def test_every_field_of_a_finding_reaches_the_client():
    row = json.loads(json.dumps(finding_row(FINDING)))

    came = client_findings.finding_of(row)

    owners = ("", "controls.pixel_subset.", "controls.class_targeted.", "controls.fill_robust.")
    packed = {f"{owner}subset.mask": f"{owner}subset.packed" for owner in owners}
    assert_crosses(FINDING, came, renamed=packed | {"narrowing.masks": "narrowing.packed"})


def test_every_field_of_an_audit_reaches_the_client():
    told = audits.audit_message(AUDIT, 1.5, 3, waits_for_worker=True, waiting_reason="it is full")
    came = client_snapshots.snapshot_of(told)

    renamed = {"failure.reason": "failure_reason", "failure.detail": "failure_detail"}
    progress = {f"progress.{field.name}": field.name for field in fields(AUDIT.progress)}
    assert_crosses(AUDIT, came, but=NOT_TOLD_OF_AUDITS, renamed=renamed | progress)
    assert (came.audits_ahead, came.waits_for_worker, came.waiting_reason) == (3, True, "it is full")


def test_every_field_of_an_entry_of_the_trail_reaches_the_client():
    assert_crosses(TRAIL_ENTRY, client_trail.trail_entry(access.trail_entry_message(TRAIL_ENTRY)))


def test_every_field_of_a_verdict_reaches_the_client():
    came = client_verdicts.verdict_value(verdicts.verdict_message(VERDICT))

    (limit,) = VERDICT.rules[0].limits
    flat = {f"rules.0.worst.interval.{name}": f"rules.0.worst.{name}" for name in ("low", "high", "level")}
    assert_crosses(VERDICT, came, but=frozenset({"rules.0.limits"}), renamed=flat)
    assert came.rules[0].limits == {limit.name: limit.value}


#: The client refuses inputs that no model can mean.
INPUT = InputSpecification(1, 4, 5, 0.25, 0.75, 6, "nearest", (0.5,), (0.125,), (0.375,))


@pytest.mark.parametrize("kind", SOURCES)
def test_every_field_of_a_version_reaches_the_client(kind):
    version = filled(ModelVersion, source=SOURCES[kind], input=INPUT)

    came = client_versions.version_value(models.version_message(version))

    check = {f"check.{field.name}": field.name for field in fields(ModelCheck)}
    source = {
        "source.architecture": "architecture",
        "source.configuration": "configuration",
        "source.members": "parts",
        "source.member": "parts.0",
        "source.claim": "claim",
        "source.name": "endpoint",
    }
    # the client names the kind, and does not repeat what it was made with
    made_with = {f"source.{name}" for name in ("digest", "kind", "combine", "keep_probability", "samples", "seed")}
    made_with |= {"source.output_kind", *NOT_TOLD_OF_VERSIONS}
    assert_crosses(version, came, but=frozenset(made_with), renamed=check | source)
    assert came.source == kind


def test_every_field_of_models_and_data_sets_reaches_the_client():
    model, dataset = filled(Model), filled(Dataset)

    assert_crosses(model, client_versions.model_value(models.model_message(model)))
    assert_crosses(dataset, client_datasets._dataset_value(datasets.dataset_message(dataset)))


MEASURE = filled(Measure)


def test_every_field_of_a_measure_reaches_the_client():
    measure = filled(Measure, groups={})

    came = client_measures.measure_of("one", measure.as_json())

    flat = {f"interval.{name}": name for name in ("low", "high", "method", "level")}
    # the gate reads `evidence` from the document
    assert_crosses(measure, came, but=frozenset({"interval.n", "evidence"}), renamed=flat)


def measures_apart(record) -> frozenset[str]:
    """Paths of measures: those are told of above."""
    paths = leaves_of(record)
    return frozenset(path[: path.index("measures") + len("measures")] for path in paths if "measures" in path)


@pytest.mark.parametrize(
    ("record", "read"),
    [
        (filled(Comparison), client_across.comparison_of),
        (filled(TransferPair), client_across.transfer_of),
    ],
    ids=["comparison", "transfer"],
)
def test_every_field_of_what_lies_across_versions_reaches_the_client(record, read):
    came = read(record.as_json())

    assert_crosses(record, came, but=measures_apart(record))
    assert_crosses(record.as_json(), came, but=measures_apart(record))
    assert set(came.measures) == set(record.measures)


def test_every_field_of_a_mitigation_check_reaches_the_client():
    names = ("the ensemble", "member")
    measured = dict.fromkeys(("overinterpretation_rate", "accuracy", "ood_accuracy"), MEASURE)
    versions = {name: filled(CheckedVersion, measures=measured) for name in names}
    record = filled(Mitigation, ensemble=names[0], members=names[1:], versions=versions, second=None)

    entry = record.as_json() | {"out_of_distribution": {"dataset": "the second", "labelled": 3}}

    came = client_across.mitigation_of(entry)

    # level and alpha are no limits of the verdict: they stand in the specification; `timed` says `backward` in words
    apart = {"second", "statistics.level", "statistics.alpha", *(f"versions.{name}.backward" for name in names)}
    renamed = {
        "eligibility": "matched_eligibility",
        "statistics.ratio_limit": "limits.ratio",
        "statistics.accuracy_limit": "limits.accuracy_difference",
    }
    assert_crosses(record, came, but=measures_apart(record) | apart, renamed=renamed)
    # as many as there are members
    assert_crosses(entry, came, but=measures_apart(entry) | {"passes_of_members_a_pass"})
    assert all(getattr(came.versions[name], one).value == MEASURE.value for name in names for one in measured)


def test_every_part_of_a_search_in_the_document_reaches_the_client():
    entry = {
        "search": {"threshold": 0.9},
        "search_digest": "told by its search",
        "measures": {"one": MEASURE.as_json()},
        "readings": [{"control": "c", "text": "t", "outcome": "o"}],
        "counts": {"images": 3},
        "gradient_free": True,
    }

    came = client_results._search_result(entry)

    assert_crosses(entry, came, but=frozenset({"search_digest", "measures"}))
