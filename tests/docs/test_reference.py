"""The reference pages: what is generated names every setting and every metric; what is written by hand is true."""

import re
from pathlib import Path

import pytest
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.settings import Settings

from docs.generators import PAGES, write_pages

DOCS = Path(__file__).parents[2] / "docs"
METRICS = (DOCS / "reference" / "metrics.md").read_text() + PAGES["metrics"]()
FAMILIES = [family for metrics in (ApiMetrics(), WorkerMetrics()) for family in metrics.registry.collect()]


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_the_page_of_settings_names_every_setting_and_what_it_means(field):
    meaning = Settings.model_fields[field].description

    assert f"| `MODICUM_{field.upper()}` | {meaning} |" in PAGES["settings"]()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_page_of_metrics_names_every_metric(family):
    assert re.search(rf"^\| `{family.name}(_total)?` \| {family.type} \|", METRICS, re.MULTILINE)


def test_the_page_of_metrics_tells_the_labels():
    assert "| `modicum_rpcs_total` | counter | `method`, `code` |" in METRICS


def test_the_page_of_metrics_names_no_metric_that_does_not_exist():
    known = {f"{family.name}{'_total' if family.type == 'counter' else ''}" for family in FAMILIES}

    assert set(re.findall(r"`(modicum_[a-z_]+)", METRICS)) - known == set()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_includes_what_is_generated(name):
    assert f"```{{include}} ../_generated/{name}.md" in (DOCS / "reference" / f"{name}.md").read_text()


def test_a_page_that_stays_the_same_is_not_written_again(tmp_path):
    write_pages(tmp_path)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}

    write_pages(tmp_path)

    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
    assert set(before) == {f"{name}.md" for name in PAGES}
