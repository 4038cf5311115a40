"""The operator's page names every setting and every metric that there is."""

import re
from pathlib import Path

import pytest
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operation.md").read_text()


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_the_page_names_every_setting(field):
    assert f"`MODICUM_{field.upper()}`" in PAGE


@pytest.mark.parametrize("metrics", [ApiMetrics(), WorkerMetrics()], ids=["api", "worker"])
def test_the_page_names_every_metric(metrics):
    for family in metrics.registry.collect():
        assert family.name in PAGE


def test_the_page_names_no_metric_that_there_is_not():
    families = [family for metrics in (ApiMetrics(), WorkerMetrics()) for family in metrics.registry.collect()]
    told = {f"{family.name}{'_total' if family.type == 'counter' else ''}" for family in families}

    assert set(re.findall(r"`(modicum_[a-z_]+)", PAGE)) - told == set()


def test_every_page_that_the_readme_links_to_is_there():
    readme = (ROOT / "README.md").read_text()
    targets = [part.split(")")[0] for part in readme.split("](")[1:]]

    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []
