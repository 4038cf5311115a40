"""Grafana's dashboards: every expression in them has a result, and their format is that of Grafana's own models.

The tests have no Grafana. They use `grafana-foundation-sdk`, the models that Grafana's makers generate from its
schemas.
"""

import json
import re
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from modicum_server.domain.verdicts import OVERALL
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.worker import WorkerMetrics

from tests.metrics.prometheus_running import REPOSITORY, RULES, eventually

GRAFANA = REPOSITORY / "deploy" / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
#: Values for Grafana's own variables.
VARIABLES = {"$__rate_interval": "1h", "$project": ".*", "$model": ".*"}
OF_PROMETHEUS = {"up", "ALERTS"}
#: Metrics without a panel or an alert, and why.
UNSEEN = {
    "modicum_audits_acknowledged_total": "the former name of a metric that has a panel",
    "modicum_requests_lost_total": "the former name of a metric that has a panel",
    "modicum_model_last_verdict_timestamp_seconds": "the verdict's row on the dashboard of models leads to its time",
}
MODULES = {"timeseries", "stat", "bargauge", "table", "heatmap", "row"}


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def expressions(path: Path) -> list[str]:
    return [completed(target["expr"]) for target in targets(path)]


def targets(path: Path) -> list[dict[str, Any]]:
    return [target for panel in read(path)["panels"] for target in panel.get("targets", [])]


def completed(expression: str) -> str:
    """An expression with values in place of Grafana's variables."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def series_of_metrics() -> list[set[str]]:
    """The series names of each metric of the registries."""
    families = [family for metrics in (ApiMetrics(), WorkerMetrics()) for family in metrics.registry.collect()]
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return [{f"{family.name}{end}" for end in suffixes.get(family.type, ("",))} for family in families]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


@cache
def known_names() -> set[str]:
    """Every series name of the registries and of the recording rules."""
    return set().union(OF_PROMETHEUS, *series_of_metrics()) | {rule["record"] for rule in rules() if "record" in rule}


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:modicum[_:][\w:]+|up(?=\{)|ALERTS)", re.sub(r'"[^"]*"', '""', expression)))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_name_in_a_dashboard_is_exposed(path):
    for expression in expressions(path):
        assert names_in(expression), expression
        assert names_in(expression) <= known_names(), expression


def test_every_name_in_a_rule_is_exposed():
    for rule in rules():
        assert names_in(rule["expr"]) <= known_names(), rule


def test_every_metric_of_modicum_is_on_a_dashboard_or_in_a_rule():
    looked_at = {name for path in BOARDS for expression in expressions(path) for name in names_in(expression)}
    looked_at |= {name for rule in rules() for name in names_in(rule["expr"])}

    unseen = [names for names in series_of_metrics() if not names & looked_at]

    assert sorted(name for names in unseen for name in names if name.startswith("modicum_")) == sorted(UNSEEN)


def test_a_misspelt_name_would_be_noticed():
    assert not names_in("sum(rate(modicum_rpc_total[5m]))") <= known_names()
    assert names_in('sum(up{job="modicum-api"}) + modicum:rpcs:rate5m') <= known_names()


@pytest.mark.acceptance
@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_the_real_prometheus_evaluates_every_expression_of_a_dashboard(watched, path):
    for expression in expressions(path):
        watched.prometheus.samples(expression)


@pytest.mark.acceptance
def test_no_panel_that_a_healthy_service_has_data_for_is_empty(watched):
    # nothing went wrong, or nothing for long enough
    quiet = re.compile(r"failed\)|deaths|p90_|collectable|lease_losses|severity, instance\) \(ALERTS")

    for expression in (expression for path in BOARDS for expression in expressions(path)):
        if not quiet.search(expression):
            eventually(lambda name=expression: watched.prometheus.samples(name), f"a sample of {expression}")


@pytest.mark.acceptance
def test_every_panel_with_exemplars_has_some(watched):
    promising = [target for path in BOARDS for target in targets(path) if target.get("exemplar")]
    span = {"start": str(time.time() - 3600), "end": str(time.time() + 3600)}

    assert len(promising) >= 3
    for target in promising:
        query = completed(target["expr"])
        eventually(lambda name=query: watched.prometheus.get("query_exemplars", query=name, **span), query)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_the_form_that_grafana_gives_one(path):
    board = read(path)
    register_default_plugins()

    again = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))

    assert missing(board, again) == []
    assert {panel["type"] for panel in board["panels"]} <= MODULES


def missing(written: Any, known: Any, place: str = "") -> list[str]:
    """Paths at which a document differs from its models: a lost key or another value."""
    if isinstance(written, dict) and isinstance(known, dict):
        return [
            entry
            for key, value in written.items()
            for entry in (missing(value, known[key], f"{place}.{key}") if key in known else [f"{place}.{key}"])
        ]
    if isinstance(written, list) and isinstance(known, list) and len(written) == len(known):
        pairs = enumerate(zip(written, known, strict=True))
        return [entry for index, (one, other) in pairs for entry in missing(one, other, f"{place}[{index}]")]
    return [] if written == known else [f"{place}: {written!r} became {known!r}"]


def test_a_key_that_grafana_does_not_know_would_be_noticed():
    board = read(BOARDS[0]) | {"pannels": []}

    assert missing(board, json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))) == [".pannels"]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_have_an_id_each_and_no_two_lie_over_one_another(path):
    panels = read(path)["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_every_panel_uses_the_provisioned_data_source():
    [source] = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    used = {
        entry["datasource"]["uid"]
        for path in BOARDS
        for panel in read(path)["panels"]
        if "targets" in panel
        for entry in (panel, *panel["targets"])
    }

    assert used == {source["uid"]}


def test_the_number_of_workers_turns_red_when_it_falls_and_not_only_at_none():
    panels = read(GRAFANA / "dashboards" / "overview.json")["panels"]
    [panel] = [panel for panel in panels if panel["title"] == "Workers up"]
    by_legend = {target["legendFormat"]: target["expr"] for target in panel["targets"]}
    [override] = panel["fieldConfig"]["overrides"]

    assert by_legend == {"up": "modicum:workers_up", "missing": "modicum:workers_missing"}
    assert override["matcher"] == {"id": "byName", "options": "missing"}
    [steps] = [entry["value"]["steps"] for entry in override["properties"] if entry["id"] == "thresholds"]
    assert [(step["value"], step["color"]) for step in steps] == [(None, "green"), (1, "red")]


def test_each_outcome_of_a_verdict_is_counted_in_its_colour():
    panels = read(GRAFANA / "dashboards" / "models.json")["panels"]
    by_title = {panel["title"]: panel for panel in panels}
    counted = by_title["Versions by their newest verdict"]
    colours = {
        override["matcher"]["options"]: entry["value"]["steps"][-1]["color"]
        for override in counted["fieldConfig"]["overrides"]
        for entry in override["properties"]
    }

    assert {target["legendFormat"] for target in counted["targets"]} == set(OVERALL) == set(colours)
    assert colours == {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "orange"}
    assert all(f'outcome="{target["legendFormat"]}"' in target["expr"] for target in counted["targets"])
    assert {panel["title"] for panel in panels if "modicum_verdicts_total" in str(panel)} == {
        "Verdicts that were stored, by outcome"
    }


@pytest.mark.parametrize("board", ["models", "overview"])
def test_names_of_models_audits_and_verdicts_lead_to_their_pages(board):
    document = read(GRAFANA / "dashboards" / f"{board}.json")
    tables = [panel for panel in document["panels"] if panel["type"] == "table" and "project" in str(panel["targets"])]

    assert [one["name"] for one in document["templating"]["list"] if one["type"] == "textbox"] == ["pages"]
    for panel in tables:
        leads = {
            override["matcher"]["options"]: entry["value"][0]["url"]
            for override in panel["fieldConfig"]["overrides"]
            for entry in override["properties"]
            if entry["id"] == "links"
        }
        labels = labels_of(panel) & {"model", "audit", "verdict"}
        prefix = "${pages}/projects/${__data.fields.project}"
        assert leads == {name: f"{prefix}/{name}s/${{__value.raw}}" for name in labels}, panel["title"]


def labels_of(panel: dict[str, Any]) -> set[str]:
    """The labels by which the expressions of a table are grouped: its columns."""
    grouped = (found for target in panel["targets"] for found in re.findall(r"by \(([^)]*)\)", target["expr"]))
    return {label for group in grouped for label in group.split(", ")}


def test_links_of_a_dashboard_lead_to_the_others_and_to_the_pages():
    uids = {read(path)["uid"] for path in BOARDS}

    for path in BOARDS:
        document = read(path)
        boxes = {one["name"] for one in document["templating"]["list"] if one["type"] == "textbox"}
        urls = {link["url"].removeprefix("/d/") for link in document["links"]}
        assert urls == uids - {document["uid"]} | {"${pages}"}
        assert boxes == {"pages"}
