"""A server is backed up during an audit and restored to an empty folder, where the audit goes on to its end."""

import gzip

import numpy as np
import pytest
from modicum import Client

from tests.acceptance.acceptance_running import Place, started_server
from tests.acceptance.acceptance_stage import ARCHITECTURE, CLASSES, patches
from tests.waiting import PATIENCE_SECONDS

ITEMS = 72
"""So many that the audit has not ended when its backup begins."""
#: What a worker held at the moment of the backup is soon free for the restored server's.
SHORT_LEASES = {"MODICUM_LEASE_SECONDS": "3", "MODICUM_RENEW_SECONDS": "1"}
SEARCH = {"thresholds": [0.9], "method": "batched_gradient", "pixels_per_step": 2, "controls": []}


def begun(client: Client, materials, folder):
    """An audit that has made passes and still has images to do."""
    np.savez(folder / "many.npz", images=patches(np.arange(ITEMS) % len(CLASSES), seed=12))
    files = {"weights": materials / "w.safetensors", "input": materials / "input.toml"}
    model = client.models.register("m", architecture=ARCHITECTURE, class_labels=materials / "labels.txt", **files)
    audit = client.audits.create(models=[model], dataset=client.datasets.upload("many", folder / "many.npz"), **SEARCH)
    next(event for event in audit.watch() if event.passes_done)
    return audit


def found(audit) -> list[tuple[str, object, int | None]]:
    findings = audit.result().findings
    return sorted((each.item, each.reason, each.subset and each.subset.size) for each in findings)


def stop(running) -> None:
    running.process.terminate()
    assert running.process.wait(timeout=PATIENCE_SECONDS) == 0


@pytest.mark.long
def test_an_audit_goes_on_in_a_server_that_was_restored_from_a_backup_made_during_it(materials, short_folder):
    (short_folder / "new").mkdir()
    place = Place.make(short_folder).with_variables(**SHORT_LEASES)
    new = Place.make(short_folder / "new").with_variables(**SHORT_LEASES)
    backup = short_folder / "backup"

    with started_server(place) as running:
        with Client(running.address, token=running.token, timeout_seconds=120) as client:
            audit = begun(client, materials, short_folder)
            made = place.run("modicum-server", "backup", backup)
            audit.wait()
            expected = found(audit)
        stop(running)
    assert made.code == 0, made.messages
    restored = new.run("modicum-server", "restore", backup, "--data", new.data)
    assert restored.code == 0, restored.messages
    with started_server(new) as running:
        with Client(running.address, token=running.token, timeout_seconds=120) as client:
            again = client.audits.get(audit.name)
            again.wait()
            after = found(again)
            verified = new.run("modicum-server", "verify", "--data", new.data)
        stop(running)

    assert b"\tSUCCEEDED\t" not in gzip.decompress((backup / "tables" / "audits.copy.gz").read_bytes())
    assert after == expected
    assert [item for item, _, _ in after] == [f"{number:02d}" for number in range(ITEMS)]
    assert verified.code == 0, verified.output
    assert ": 0 missing, 0 corrupt, 0 unreadable," in verified.output
