"""What the worker decides without a store: which images are donors, how parameters are merged, what a failure means."""

import asyncio
import urllib.error
import urllib.request
from dataclasses import asdict, replace

import pytest
from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.classes import class_index, classes_by_name
from modicum_server.domain.findings import ClassTargetedFinding, Finding, FindingControls, FindingReason, Passes
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, Search, SearchMethod
from modicum_server.domain.tasks import Acceleration, TaskFinished
from modicum_server.metrics.worker import WorkerMetrics, image_outcome
from modicum_server.model_process.failure_reasons import REFUSALS
from modicum_server.model_server import ModelDied, ModelHung, ModelOutOfMemory, TaskFailed
from modicum_server.worker.endings import FailAudit, HandBack, IsolateImage, RejectVersion
from modicum_server.worker.exposition import exposed
from modicum_server.worker.failures import TRIES, check_ending_after, ending_after, failure_of, retry_delay
from modicum_server.worker.pauses import PAUSES
from modicum_server.worker.plan.donors import donor_indices, donors_needed
from modicum_server.worker.run.provenance import finished_parameters, merged

SEARCH = Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=100)
OF_SINGLE_IMAGES = {"OUTPUT_NOT_FINITE", "OUTPUT_SHAPE"}
"""Reasons of the library for which one image of many may be to blame."""
FINDING = Finding(0, "a", "d", "v", 0, passes=Passes(3, 1))


def specification(*controls: Control) -> AuditSpecification:
    plans = tuple(ControlPlan(control) for control in controls)
    return AuditSpecification(("v",), "d", Canvas(3, 4, 4), (SEARCH,), plans, seed=0, sample=0, device="auto")


@pytest.mark.parametrize(
    ("label", "labels", "expected"),
    [
        ("cat", ("dog", "cat"), 1),
        ("1", ("dog", "cat"), 1),
        ("7", (), 7),
        ("1", ("1", "0"), 0),
        ("cat", ("dog", "cat", "cat"), 1),
        ("", ("dog",), None),
        ("bird", ("dog",), None),
        ("²", (), None),
    ],
)
def test_a_label_is_a_class_name_first_and_then_a_class_index(label, labels, expected):
    assert class_index(label, classes_by_name(labels)) == expected


def test_donors_are_a_seeded_draw_of_64_from_the_whole_data_set():
    drawn = donor_indices(seed=1, manifest_digest="m", item_count=10_000)

    assert len(set(drawn)) == 64
    assert drawn == donor_indices(seed=1, manifest_digest="m", item_count=10_000)
    assert drawn != donor_indices(seed=2, manifest_digest="m", item_count=10_000)
    assert max(drawn) > 5_000


def test_a_small_data_set_gives_all_its_items_as_donors():
    assert donor_indices(seed=1, manifest_digest="m", item_count=3) == (0, 1, 2)


def test_donors_go_out_only_where_a_fill_draws_from_them():
    assert not donors_needed(specification(Control.CLASS_TARGETED), SEARCH)
    assert donors_needed(specification(Control.FILL), SEARCH)
    assert donors_needed(specification(), replace(SEARCH, fill=Fill.MARGINAL))


def test_parameters_of_two_workers_are_both_kept():
    here = {"device": "cpu", "versions": {"torch": "2.13", "numpy": "2.3"}, "donor_digests": ["a"], "chunk_size": 8}
    there = {
        "device": "cuda:0",
        "versions": {"torch": "2.12", "numpy": "2.3"},
        "donor_digests": ["b"],
        "chunk_size": 32,
    }

    both = merged(here, there)

    assert both == {
        "device": "cpu, cuda:0",
        "versions": {"torch": "2.12, 2.13", "numpy": "2.3"},
        "donor_digests": ["a", "b"],
        "chunk_size": 32,
    }
    assert merged(both, there) == both
    assert merged(there, here) == both


def test_how_the_passes_of_a_version_ran_is_kept_beside_that_of_others():
    copy, itself = Acceleration(20, "float32", 1e-6), Acceleration(0, "float32", declined="batch norms stay")
    noted = [
        finished_parameters(TaskFinished(1, 8, acceleration=acceleration), version)
        for version, acceleration in (("a", copy), ("b", itself), ("a", replace(copy, difference=2e-6)))
    ]

    both = merged(merged(noted[0], noted[1]), noted[2])

    assert both["acceleration"] == {"a": asdict(replace(copy, difference=2e-6)), "b": asdict(itself)}
    assert merged(noted[2], noted[0]) == merged(noted[0], noted[2])
    assert "acceleration" not in finished_parameters(TaskFinished(1, 8), "a")


@pytest.mark.parametrize(
    ("error", "reason", "tries", "model_at_fault"),
    [
        (ModelDied(), "MODEL_DIED", 3, True),
        (ModelHung(), "MODEL_HUNG", 3, True),
        (ModelOutOfMemory(), "MODEL_OUT_OF_MEMORY", 2, False),
        (TaskFailed("MODEL_OUT_OF_MEMORY", "", model_at_fault=False), "MODEL_OUT_OF_MEMORY", 2, False),
        (TaskFailed("NOT_FINITE", "", model_at_fault=True), "NOT_FINITE", 1, True),
        (TaskFailed("HANDLER_BUG", "", model_at_fault=False), "HANDLER_BUG", 3, False),
    ],
)
def test_each_end_of_a_task_has_a_reason_and_a_number_of_tries(error, reason, tries, model_at_fault):
    failure = failure_of(error)

    assert (failure.reason, failure.tries, failure.model_at_fault) == (reason, tries, model_at_fault)


def test_an_error_of_the_library_fails_the_audit_unless_single_images_may_be_to_blame():
    endings = {
        reason: ending_after(TaskFailed(reason, "", model_at_fault=True), 0, PAUSES) for reason in REFUSALS.values()
    }

    isolated = {reason for reason, ending in endings.items() if isinstance(ending, IsolateImage)}
    assert isolated == OF_SINGLE_IMAGES


@pytest.mark.parametrize("reason", ["ENDPOINT_ANSWER_INVALID", "ENDPOINT_DRIFTED", "ENDPOINT_REFUSED"])
def test_an_endpoint_that_is_at_fault_fails_the_audit_at_once(reason):
    assert isinstance(ending_after(TaskFailed(reason, "", model_at_fault=True), 0, PAUSES), FailAudit)


@pytest.mark.parametrize("reason", ["ENDPOINT_UNKNOWN", "ENDPOINT_UNREACHABLE"])
def test_an_endpoint_that_is_away_fails_the_audit_after_all_tries_and_blames_no_image(reason):
    error = TaskFailed(reason, "", model_at_fault=False)

    assert [type(ending_after(error, tries, PAUSES)) for tries in range(TRIES)] == [HandBack, HandBack, FailAudit]


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ModelHung(), 2),
        (TaskFailed("ENDPOINT_UNREACHABLE", "", model_at_fault=False), 2),
        (ModelDied(), 3),
        (ModelOutOfMemory(), 6),
        (TaskFailed("HANDLER_BUG", "", model_at_fault=False), 6),
        (TaskFailed("NOT_FINITE", "", model_at_fault=True), 1),
    ],
)
def test_a_check_that_fails_is_tried_less_often_if_each_try_takes_long(error, tries):
    endings = [check_ending_after(error, failed_tries, PAUSES, seconds=1.0) for failed_tries in range(tries)]

    assert [type(ending) for ending in endings] == [HandBack] * (tries - 1) + [RejectVersion]


def test_a_check_that_is_tried_again_says_why_its_try_failed_and_waits_for_nothing():
    ending = check_ending_after(ModelHung(), 0, PAUSES, seconds=60.4)

    assert isinstance(ending, HandBack)
    assert ending.away_seconds is None
    why = "MODEL_HUNG: the model's process showed no progress in time"
    assert ending.away_reason == f"try 1 of 2 failed after 60 s with {why}"


def test_each_retry_waits_twice_as_long():
    assert [retry_delay(failed_tries) for failed_tries in (1, 2, 3)] == [1.0, 2.0, 4.0]
    assert retry_delay(5_000) == retry_delay(20)


@pytest.mark.parametrize(
    ("finding", "outcome"),
    [
        (FINDING, "subset"),
        (replace(FINDING, baseline_confident=True), "baseline_confident"),
        (replace(FINDING, reason=FindingReason.NOT_ELIGIBLE), "not_eligible"),
        (replace(FINDING, reason=FindingReason.NOT_FOUND), "not_found"),
        (replace(FINDING, reason=FindingReason.MODEL_DIED), "failed"),
    ],
)
def test_an_image_is_counted_by_what_came_of_it(finding, outcome):
    assert image_outcome(finding) == outcome


async def test_metrics_are_served_on_loopback_with_the_passes_of_the_controls():
    metrics = WorkerMetrics()
    targeted = ClassTargetedFinding(
        1, found=True, size=2, size_ratio=2.0, verified_confidence=0.9, passes=Passes(10, 5)
    )
    metrics.passes.findings_stored([FINDING, replace(FINDING, controls=FindingControls(class_targeted=targeted))])
    healthy = True

    async with exposed(metrics.registry, port=0, healthy=lambda: healthy) as port:
        text = await get(port, "/metrics")
        alive = await get(port, "/healthz")
        healthy = False
        with pytest.raises(urllib.error.HTTPError, match="503"):
            await get(port, "/healthz")

    assert "modicum_worker_forward_passes_total 16.0" in text
    assert "modicum_worker_backward_passes_total 7.0" in text
    assert 'modicum_worker_images_total{outcome="subset"} 2.0' in text
    assert alive == "ok"


async def test_a_metrics_port_that_is_taken_is_named_with_the_way_out():
    async with exposed(WorkerMetrics().registry, port=0, healthy=lambda: True) as port:
        with pytest.raises(OSError, match="MODICUM_WORKER_METRICS_PORT"):
            async with exposed(WorkerMetrics().registry, port=port, healthy=lambda: True):
                pass


async def get(port: int, path: str) -> str:
    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as response:
            return response.read().decode()

    return await asyncio.to_thread(read)
