"""The pictures of the dashboards: every panel is drawn from results of Prometheus, and the docs describe them."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deploy.grafana.pictures.drawing import draw_board
from deploy.grafana.pictures.panels import NOTHING, draw_panel
from deploy.grafana.pictures.queries import Window, boards, results_of
from deploy.grafana.pictures.values import colour_of, name_of, shown
from tests.metrics.prometheus_running import REPOSITORY

BOARDS = boards()
WINDOW = Window(start=1_000_000.0, end=1_000_600.0, step_seconds=5.0, scrape_seconds=5.0)
README = (REPOSITORY / "deploy" / "grafana" / "README.md").read_text()


def sample(labels: dict[str, str], *values: float) -> dict[str, Any]:
    """A series as Prometheus' API returns it, both as a range and as its last value."""
    points = [[WINDOW.start + 5 * place, str(value)] for place, value in enumerate(values)]
    return {"metric": labels, "values": points, "value": points[-1]}


def result(*series: dict[str, Any], legend: str = "{{name}}", ref: str = "A") -> dict[str, Any]:
    return {"legend": legend, "ref": ref, "result": list(series), "exemplars": []}


def texts_of(panel: dict[str, Any], *results: dict[str, Any]) -> list[str]:
    """The texts on a panel."""
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_panel(axes, panel, list(results), WINDOW)
    figure.canvas.draw()
    legend = axes.get_legend()
    named = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    return [text.get_text() for text in axes.texts] + named


def panel(board: str, title: str) -> dict[str, Any]:
    [found] = [one for one in BOARDS[board]["panels"] if one["title"] == title]
    return found


@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_of_a_dashboard_is_drawn_and_its_picture_is_shown(name, tmp_path):
    series = sample({"name": "one", "le": "1", "model": "m", "version": "1"}, 1, math.nan, 3)
    results = {
        str(one["id"]): [
            result(series, legend=target["legendFormat"], ref=target["refId"]) for target in one["targets"]
        ]
        for one in BOARDS[name]["panels"]
        if "targets" in one
    }
    story = {"start": WINDOW.start, "end": WINDOW.end, "step_seconds": 5.0, "events": [[WINDOW.start, "it began"]]}

    draw_board(BOARDS[name], story | {"results": {name: results}}, name, tmp_path / "board.png")

    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")
    assert f"../../docs/images/dashboard-{name}.png" in README
    assert (REPOSITORY / "docs" / "images" / f"dashboard-{name}.png").exists()


def test_a_panel_without_data_says_so():
    assert texts_of(panel("overview", "Audits by state"), result()) == [NOTHING]


def test_a_line_of_nan_values_is_named_and_has_axes():
    unknown = result(sample({"outcome": "completed"}, math.nan, math.nan), legend="{{outcome}}")

    assert texts_of(panel("overview", "How long audits took"), unknown) == ["completed"]


def test_a_number_stands_in_its_unit_and_each_of_several_has_its_name():
    up, missing = result(sample({}, 1), legend="up"), result(sample({}, 2), legend="missing")

    assert texts_of(panel("overview", "Oldest waiting shard"), result(sample({}, 90), legend="")) == ["1.5 min"]
    assert texts_of(panel("overview", "Workers up"), up, missing) == ["1", "up", "2", "missing"]


def test_rows_of_a_table_that_are_of_one_version_become_one():
    labels = {"project": "p", "model": "m", "version": "7"}
    images = result(sample(labels | {"audit": "a", "dataset": "d", "method": "x", "threshold": "0.9"}, 20), ref="A")
    rate, ended = result(sample(labels, 0.5), ref="B"), result(sample(labels, 0.0), ref="C")

    read = texts_of(panel("models", "The audits behind the numbers"), images, rate, ended)

    assert read.count("7") == 1
    assert {"images", "20", "rate", "50%", "audited", "1970-01-01 00:00:00"} <= set(read)


def test_a_line_is_named_by_its_labels():
    states = panel("overview", "Audits by state")

    assert texts_of(states, result(sample({"state": "RUNNING"}, 1, 2), legend="{{state}}")) == ["RUNNING"]
    assert name_of("__auto", {"__name__": "x", "a": "b"}) == "x"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5, "percentunit", "50%"),
        (0.25, "s", "250 ms"),
        (7200, "s", "2 hour"),
        (math.inf, "s", "∞"),
        (1023, "Bps", "1023 B/s"),
        (3 * 1024**2, "bytes", "3 MiB"),
        (1500, "ops", "1.5 K ops/s"),
        (3, "short", "3"),
    ],
)
def test_a_value_is_shown_in_its_unit(value, unit, text):
    assert shown(value, unit) == text


def test_a_threshold_colours_what_reaches_it():
    steps = {"steps": [{"value": None, "color": "green"}, {"value": 1, "color": "red"}]}

    assert colour_of(0.9, steps) != colour_of(1, steps)


def test_the_page_says_that_they_are_not_screenshots():
    assert "not screenshots of Grafana" in README
    assert len(re.findall(r"^!\[[^\]]{40,}\]", README, re.MULTILINE)) == len(BOARDS)


@pytest.mark.long
@pytest.mark.acceptance
def test_results_of_a_real_prometheus_are_drawn(watched, tmp_path):
    end = watched.prometheus.value("time()")
    window = Window(end - 60, end, 1.0, 1.0)
    results = {name: results_of(board, watched.prometheus.url, window) for name, board in BOARDS.items()}
    story = {"start": window.start, "end": end, "step_seconds": 1.0, "events": []}
    story = json.loads(json.dumps(story | {"results": results}))

    for name, board in BOARDS.items():
        draw_board(board, story, name, Path(tmp_path / f"{name}.png"))

    assert len(list(tmp_path.glob("*.png"))) == len(BOARDS)
