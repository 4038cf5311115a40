"""What tests of benchmarks share."""

import pytest
from modicum_sis import Classifier

from benchmarks.paper import cache
from benchmarks.paper.material import Network
from tests.benchmarks.paper_network import Corner


@pytest.fixture(autouse=True)
def kept_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def network():
    return Network("Corner", Classifier(Corner(), fill_mean=0.0), "weights")
