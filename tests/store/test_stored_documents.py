"""JSON documents as databases contain them today. Later releases must read them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from modicum_server.domain.audits import Audit, AuditSpecification
from modicum_server.domain.findings import Finding, FindingControls
from modicum_server.domain.searches import (
    Canvas,
    Control,
    ControlPlan,
    Fill,
    Search,
    SearchMethod,
    TargetRule,
)
from modicum_server.domain.statistics import Statistics
from modicum_server.store import tables
from modicum_server.store.postgres import PostgresStore
from sqlalchemy import update
from sqlalchemy.ext.asyncio import create_async_engine

from tests.measures.whole_finding import whole_finding
from tests.store.store_scene import Scene

GOLDEN = Path(__file__).parent / "golden"


def document(name: str) -> dict:
    return json.loads((GOLDEN / f"{name}.json").read_text())


async def overwrite(database_url: str, table, **values) -> None:
    """Write JSON into every row of a table without the service's code."""
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(update(table).values(**values))
    await engine.dispose()


async def stored(store: PostgresStore, audit: Audit, finding: Finding) -> None:
    async with store.transaction() as transaction:
        await transaction.findings.add(audit.name, [finding])


async def read(store: PostgresStore, audit: Audit) -> Finding:
    async with store.transaction() as transaction:
        ((_, finding),) = await transaction.findings.page(audit.name, after="", limit=2)
    return finding


@pytest.fixture
async def audit(scene: Scene) -> Audit:
    return await scene.audit()


@pytest.fixture
def finding(audit: Audit) -> Finding:
    (version,) = audit.specification.model_versions
    return whole_finding(version, version)


async def test_controls_and_trace_of_today_are_read(database_url, store, audit, finding):
    await stored(store, audit, replace(finding, controls=FindingControls(), trace=None))
    controls = document("controls")
    controls["transfers"][0]["model_version"] = finding.model_version
    await overwrite(database_url, tables.findings, controls=controls, trace=document("trace"))

    assert await read(store, audit) == finding


async def test_controls_of_the_first_release_are_read(database_url, store, audit, finding):
    await stored(store, audit, replace(finding, controls=FindingControls()))
    await overwrite(database_url, tables.findings, controls=document("early_controls"))

    known = finding.controls
    early = FindingControls(class_targeted=known.class_targeted, fills=known.fills, variants=known.variants)
    assert await read(store, audit) == replace(finding, controls=early)


SPECIFICATION = {
    "model_versions": ["projects/default/models/net/versions/1"],
    "dataset": "projects/default/datasets/photos",
    "canvas": {"channels": 3, "height": 4, "width": 5},
    "searches": [
        {
            "method": "batched_gradient",
            "threshold": 0.9,
            "fill": "blur",
            "target_rule": "random_other",
            "passes": 1,
            "pixels_per_step": 2,
            "fraction": 0.5,
            "matched": True,
        }
    ],
    "controls": [{"control": "fill_robust", "images": 6, "passes": 7}],
    "seed": 8,
    "sample": 9,
    "device": "cpu",
    "out_of_distribution_dataset": "projects/default/datasets/others",
    "statistics": {"level": 0.9, "alpha": 0.1, "ratio_limit": 2.0, "accuracy_limit": -0.1},
    "counterfactual_dataset": "projects/default/datasets/changed",
}
READ = AuditSpecification(
    model_versions=("projects/default/models/net/versions/1",),
    dataset="projects/default/datasets/photos",
    canvas=Canvas(3, 4, 5),
    searches=(Search(SearchMethod.BATCHED_GRADIENT, 0.9, Fill.BLUR, TargetRule.RANDOM_OTHER, 1, 2, 0.5, matched=True),),
    controls=(ControlPlan(Control.FILL_ROBUST, 6, 7),),
    seed=8,
    sample=9,
    device="cpu",
    out_of_distribution_dataset="projects/default/datasets/others",
    statistics=Statistics(0.9, 0.1, 2.0, -0.1),
    counterfactual_dataset="projects/default/datasets/changed",
)


async def test_a_specification_of_today_is_read(database_url, store, scene, audit):
    await overwrite(database_url, tables.audits, specification=SPECIFICATION)

    assert (await scene.get(audit.name)).specification == READ


async def test_a_specification_without_what_was_added_since_is_read(database_url, store, scene, audit):
    added = ("out_of_distribution_dataset", "statistics", "counterfactual_dataset")
    early = {name: value for name, value in SPECIFICATION.items() if name not in added}
    await overwrite(database_url, tables.audits, specification=early)

    assert (await scene.get(audit.name)).specification == replace(
        READ, out_of_distribution_dataset="", statistics=Statistics(), counterfactual_dataset=""
    )
