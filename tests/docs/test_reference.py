"""The reference pages: what is generated names every setting and every metric; what is written by hand is true."""

import re
from pathlib import Path

import modicum
import modicum_sis
import pytest
from modicum_server.measures.registry import measure_titles
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.settings import Settings
from modicum_server.transports.http.rest.openapi.document import document
from modicum_server.transports.http.rest.openapi.page import reasons

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
def test_one_page_of_the_reference_includes_what_is_generated(name):
    pages = [page.name for page in (DOCS / "reference").glob("*.md") if f"../_generated/{name}.md" in page.read_text()]

    assert len(pages) == 1


def test_the_page_of_the_command_names_every_command_and_option():
    page = PAGES["modicum"]()

    for command in (
        "modicum audit",
        "modicum models create",
        "modicum audits export-subsets",
        "modicum ensemble check",
    ):
        assert f"## `{command}`" in page
    for option in (
        "--weights",
        "--threshold",
        "--pixel-subsets",
        "--out-of-distribution",
        "--counterfactual",
        "--ratio-limit",
    ):
        assert f"| `{option}" in page


def test_the_page_of_rest_names_every_operation():
    served, page = document(), PAGES["rest-operations"]()

    for path, verbs in served["paths"].items():
        for verb in verbs:
            assert f"### `{verb.upper()} {path}`" in page


def test_the_page_of_reasons_names_every_reason():
    page = PAGES["error-reasons"]()

    for reason, status, _, _ in reasons():
        assert f"| `{reason}` | {status} |" in page


@pytest.mark.parametrize(("package", "page"), [(modicum, "sdk"), (modicum_sis, "library")], ids=["sdk", "library"])
def test_the_pages_of_the_packages_name_every_class_and_function(package, page):
    text = PAGES[page]()

    for name in package.__all__:
        if isinstance(getattr(package, name), type) or callable(getattr(package, name)):
            assert f":: {package.__name__}.{name}\n" in text


def test_the_page_of_measures_names_every_measure():
    for name, title in measure_titles().items():
        assert f"| `{name}` | {title.text} | {title.place} |" in PAGES["measures"]()


def test_a_page_that_stays_the_same_is_not_written_again(tmp_path):
    write_pages(tmp_path)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}

    write_pages(tmp_path)

    assert {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
    assert set(before) == {f"{name}.md" for name in PAGES}
