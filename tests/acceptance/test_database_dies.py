"""The embedded PostgreSQL of `modicum-server up` is killed during an audit. It restarts, and the audit is complete."""

import os
import signal

import numpy as np
import pytest
from modicum import Client

from tests.acceptance.acceptance_running import Place, started_server
from tests.acceptance.acceptance_stage import ARCHITECTURE, CLASSES, patches
from tests.living import lives
from tests.readiness import readiness
from tests.waiting import PATIENCE_SECONDS, eventually

ITEMS = 24
#: Short leases, so that work that was lost with the database is repeated soon.
SHORT_LEASES = {"MODICUM_LEASE_SECONDS": "3", "MODICUM_RENEW_SECONDS": "1"}


@pytest.fixture
def folder(materials, short_folder):
    np.savez(short_folder / "many.npz", images=patches(np.arange(ITEMS) % len(CLASSES), seed=12))
    return short_folder


def begun(client: Client, materials, folder):
    """An audit that has made passes and still has images to do."""
    files = {"weights": materials / "w.safetensors", "input": materials / "input.toml"}
    model = client.models.register("m", architecture=ARCHITECTURE, class_labels=materials / "labels.txt", **files)
    search = {"thresholds": [0.9], "method": "batched_gradient", "pixels_per_step": 12, "controls": []}
    audit = client.audits.create(models=[model], dataset=client.datasets.upload("many", folder / "many.npz"), **search)
    next(event for event in audit.watch() if event.passes_done)
    assert not audit.refresh().state.terminal, "it ended before anything could be killed; give it more to do"
    return audit


def postmaster(folder) -> int:
    return int((folder / "data" / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])


@pytest.mark.long
def test_a_killed_postgres_is_started_again_and_the_audit_ends_with_every_finding_once(folder, materials):
    with started_server(Place.make(folder).with_variables(**SHORT_LEASES)) as running:
        with Client(running.address, token=running.token, timeout_seconds=120) as client:
            audit = begun(client, materials, folder)
            first = postmaster(folder)

            os.kill(first, signal.SIGKILL)

            eventually(lambda: not lives(first))
            eventually(lambda: readiness(running.http), "the service to be ready")
            audit.wait()
            findings = audit.result().findings
        running.process.terminate()
        assert running.process.wait(timeout=PATIENCE_SECONDS) == 0

    assert sorted(finding.item for finding in findings) == [f"{number:02d}" for number in range(ITEMS)]
    assert [(finding.item, finding.reason) for finding in findings if finding.reason or not finding.subset] == []
    assert "PostgreSQL ended with exit code -9" in (folder / "data" / "postgres" / "postgres.log").read_text()
