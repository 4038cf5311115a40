"""Tasks are made from what is stored, without a store."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from modicum_server.domain.audits import Audit, AuditItem, AuditSpecification, AuditState, Shard, Stage
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import FoundSubset
from modicum_server.domain.models import ModelVersion, VersionState
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Search, SearchMethod
from modicum_server.measures.matched_temperatures import TEMPERATURES
from modicum_server.settings import Settings
from modicum_server.worker.plan.prediction_task import StoredImage, StoredImages, prediction_task
from modicum_server.worker.plan.score import StoredSubsets, score_plan
from modicum_server.worker.plan.search import StoredSearch, refusal, search_task

from tests.worker.arithmetic_model_server import CHECK, subset_of
from tests.worker.worker_scene import INPUT, LABELS, SEARCH, WEIGHTS

TURNED = tuple(reversed(LABELS))
SETTINGS = Settings(device="cuda", max_image_pixels=123)
DONORS = (AuditItem(9, "donor.png", "9" * 64, None),)


def version(name: str, labels: Sequence[str] = LABELS) -> ModelVersion:
    return ModelVersion(name, WEIGHTS, INPUT, tuple(labels), "2" * 64, VersionState.READY, datetime.now(UTC), CHECK)


FIRST, SECOND = version("first"), version("second", TURNED)


def audit_of(*searches: Search, controls: tuple[ControlPlan, ...] = (), device: str = "auto") -> Audit:
    specification = AuditSpecification(
        ("first", "second"), "d", Canvas(3, 4, 4), searches, controls, seed=7, sample=0, device=device
    )
    return Audit(
        name="a",
        specification=specification,
        reuse_key="",
        item_count=8,
        state=AuditState.RUNNING,
        sequence=1,
        principal="someone",
        create_time=datetime.now(UTC),
    )


def shard_of(stage: Stage, model_version: str, search_index: int = 0) -> Shard:
    return Shard(5, "p", "a", stage, model_version, search_index, tuple(range(8)), 2, failed_tries=0, passes_planned=0)


def items(*positions: int) -> list[tuple[int, DatasetItem]]:
    return [(position, DatasetItem(f"{position}.png", f"{position:064x}", LABELS[position])) for position in positions]


def stored_search(audit: Audit, of: ModelVersion = FIRST, **changes: object) -> StoredSearch:
    stored = StoredSearch(
        audit, of, (FIRST, SECOND), parts=(), labels=frozenset(), items=items(2, 6), donors=DONORS, parameters={}
    )
    return replace(stored, **changes)


def test_a_search_task_holds_the_images_without_a_finding_under_the_classes_of_its_version():
    task = search_task(shard_of(Stage.SEARCH, "second"), stored_search(audit_of(SEARCH), SECOND), SETTINGS)

    assert [(item.position, item.item, item.label) for item in task.work.items] == [(2, "2.png", 7), (6, "6.png", 3)]
    assert (task.id, task.attempt, task.model_version) == ("5", 2, SECOND)
    assert (task.work.seed, task.work.donors, task.work.max_image_pixels) == (7, DONORS, 123)
    assert task.work.framing == INPUT


def test_the_worker_chooses_the_device_where_the_audit_leaves_the_choice():
    shard = shard_of(Stage.SEARCH, "first")

    assert search_task(shard, stored_search(audit_of(SEARCH)), SETTINGS).device == "cuda"
    assert search_task(shard, stored_search(audit_of(SEARCH, device="cpu")), SETTINGS).device == "cpu"


def test_a_control_on_some_images_leaves_out_the_others_of_the_task():
    controls = (ControlPlan(Control.CLASS_TARGETED, images=3), ControlPlan(Control.FILL), ControlPlan(Control.TRANSFER))
    stored = stored_search(audit_of(SEARCH, controls=controls), items=items(*range(8)))

    work = search_task(shard_of(Stage.SEARCH, "first"), stored, SETTINGS).work

    assert work.controls == controls[:2]
    assert [len(excluded) for excluded in work.control_exclusions] == [5, 0]


def test_a_matched_search_runs_at_the_temperature_that_was_chosen_for_its_version():
    audit = audit_of(SEARCH, replace(SEARCH, matched=True))
    stored = stored_search(audit, parameters={TEMPERATURES: {"1": {"first": 1.5}}})

    plain = search_task(shard_of(Stage.SEARCH, "first"), stored, SETTINGS).work
    matched = search_task(shard_of(Stage.SEARCH, "first", 1), stored, SETTINGS).work

    assert (plain.temperature, plain.critical_temperatures) == (1, True)
    assert (matched.temperature, matched.critical_temperatures) == (1.5, False)


@pytest.mark.parametrize(
    ("search", "changes", "reason"),
    [
        (SEARCH, {}, None),
        (SEARCH, {"labels": frozenset({"a", "9"})}, None),
        (SEARCH, {"labels": frozenset({"cat"})}, "LABEL_UNKNOWN"),
        (
            Search(SearchMethod.BATCHED_GRADIENT, 0.9, pixels_per_step=1),
            {"version": replace(FIRST, check=replace(CHECK, useful_gradient=False))},
            "GRADIENT_MISSING",
        ),
    ],
)
def test_an_audit_that_does_not_fit_its_checked_version_is_refused(search, changes, reason):
    failure = refusal(stored_search(audit_of(search), **changes))

    assert (failure and failure.reason) == reason


def test_a_score_task_asks_for_the_scorers_class_of_each_subset():
    subsets = [FoundSubset(3, "first", 4, subset_of(3)), FoundSubset(5, "first", 0, subset_of(5))]
    stored = StoredSubsets(
        audit_of(SEARCH), (FIRST, SECOND), parts=(), subsets=subsets, items=items(3, 5), donors=DONORS
    )

    plan = score_plan(shard_of(Stage.SCORE, "second"), stored, SETTINGS)

    assert plan.task.model_version == SECOND
    assert [(given.position, given.target_class) for given in plan.task.work.subsets] == [(3, 5), (5, 9)]
    assert plan.classes == {"first": tuple(range(9, -1, -1))}
    assert plan.threshold == plan.task.work.threshold == SEARCH.threshold
    assert [item.position for item in plan.task.work.items] == [3, 5]


def stored_images(*positions, target_class=0):
    return [StoredImage(position, item, target_class) for position, item in items(*positions)]


def test_a_task_on_counterfactuals_asks_for_the_class_of_the_original():
    images = [*stored_images(0, target_class=4), *stored_images(7, target_class=2)]
    stored = StoredImages(audit_of(SEARCH), FIRST, (FIRST, SECOND), parts=(), images=images)

    work = prediction_task(shard_of(Stage.SCORE, "first", -3), stored, SETTINGS).work

    assert [(given.position, given.target_class, given.subset.size) for given in work.subsets] == [
        (0, 4, 16),
        (7, 2, 16),
    ]


def test_a_task_on_the_ood_data_set_keeps_every_pixel():
    stored = StoredImages(audit_of(SEARCH), FIRST, (FIRST, SECOND), parts=(), images=stored_images(0, 7))

    work = prediction_task(shard_of(Stage.SCORE, "first", -1), stored, SETTINGS).work

    assert [(given.position, given.subset.size) for given in work.subsets] == [(0, 16), (7, 16)]
    assert [item.item for item in work.items] == ["0.png", "7.png"]
