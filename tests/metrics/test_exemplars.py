"""Exemplars lead from a number to a name, and never prevent the number."""

import pytest
from modicum_server.domain.audits import Audit, Shard
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.store_metrics import Snapshot
from modicum_server.metrics.text_format import LONGEST_EXEMPLAR, exemplar, exposed_text
from modicum_server.metrics.worker import WorkerMetrics

from tests.borders.filling import filled

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
AUDIT = filled(Audit, name="projects/p/audits/a")
SHARD = filled(Shard, audit=AUDIT.name)


def test_a_name_that_is_too_long_for_an_exemplar_leaves_it_out():
    assert exemplar(audit="a" * (LONGEST_EXEMPLAR - len("audit"))) is not None
    assert exemplar(audit="a" * LONGEST_EXEMPLAR) is None
    assert exemplar(request_id="") is None


@pytest.mark.parametrize("request_id", ["r" * 64, "r" * 200, ""])
def test_a_call_is_counted_whatever_its_request_id(request_id):
    metrics = ApiMetrics()

    metrics.rpc_ended("/service/Method", "OK", 0.2, request_id=request_id)

    text = metrics.expose(Snapshot(), OPENMETRICS)[0].decode()
    assert 'modicum_rpcs_total{code="OK",method="/service/Method"} 1.0' in text
    assert (f'# {{request_id="{request_id}"}}' in text) == (len(request_id) == 64)


def test_the_plain_format_has_no_exemplars_and_no_times_of_creation():
    metrics = ApiMetrics()
    metrics.rpc_ended("/service/Method", "OK", 0.2, request_id="r")

    text, media_type = metrics.expose(Snapshot())

    assert media_type.startswith("text/plain")
    assert b"# {" not in text
    assert b"_created" not in text + exposed_text(WorkerMetrics().registry, "")[0]


def test_a_first_error_is_a_rise_of_an_existing_counter():
    text = exposed_text(WorkerMetrics().registry, "")[0].decode()

    assert 'modicum_worker_audits_ended_total{outcome="failed"} 0.0' in text
    assert 'modicum_worker_model_deaths_total{reason="model_hung"} 0.0' in text
    assert "modicum_worker_torchserve_up 0.0" in text


def test_a_worker_names_audits_only_where_that_is_set():
    for names in (True, False):
        metrics = WorkerMetrics(names=names)
        metrics.shards.claimed(SHARD)
        metrics.shards.ended(SHARD, "done", 1.0)
        metrics.audits.ended(AUDIT, "succeeded")

        text = exposed_text(metrics.registry, OPENMETRICS)[0].decode()

        assert ("projects/p/audits/a" in text) == names
        assert 'modicum_worker_audits_ended_total{outcome="succeeded"} 1.0' in text
