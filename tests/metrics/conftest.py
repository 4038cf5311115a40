"""Fixtures of the metrics tests: every part of the service at work, and a real Prometheus that has scraped an audit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import machine
from tests.faults.stage import Stage, stage
from tests.metrics.prometheus_running import Prometheus, running_prometheus
from tests.ports import free_port


@dataclass(frozen=True)
class Watched:
    """A stage, its Prometheus, and the audit that ran while it scraped."""

    stage: Stage
    prometheus: Prometheus
    audit: Any

    @property
    def worker_url(self) -> str:
        return f"http://127.0.0.1:{self.stage.worker.environment['MODICUM_WORKER_METRICS_PORT']}"


@pytest.fixture(scope="package")
def watched(tmp_path_factory) -> Iterator[Watched]:
    """One for all tests. A test undoes its changes."""
    machine.program("prometheus", package="prometheus")
    port = str(free_port())
    # A fixed port: a restarted worker is found again.
    shown = {"MODICUM_METRICS_NAMES": "true", "MODICUM_METRICS_SECONDS": "0.2"}
    with stage(MODICUM_WORKER_METRICS_PORT=port, **shown) as playing:
        targets = {"modicum-api": [playing.http_url.removeprefix("http://")], "modicum-worker": [f"127.0.0.1:{port}"]}
        with running_prometheus(tmp_path_factory.mktemp("prometheus") / "run", targets) as prometheus:
            for job in targets:  # seen before anything happens, so that every event is a rise
                prometheus.until(f'up{{job="{job}"}} == 1')
            audit = playing.client().audits.create(
                models=["m"], dataset="pictures", thresholds=[0.9], passes=100, reuse=False
            )
            audit.wait()
            prometheus.until("modicum_model_overinterpretation_rate")
            policy = tmp_path_factory.mktemp("policy") / "modicum.yaml"
            policy.write_text("version: 1\nrules:\n  spot: error\n")
            playing.client().judge(audit.name, policy)
            prometheus.until('modicum_model_last_verdict_info{outcome="INCONCLUSIVE"}')
            yield Watched(playing, prometheus, audit)
