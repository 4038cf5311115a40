"""The local server is killed or interrupted during an audit. The next one ends the audit, and no process is left.

Faults of single parts are played in tests/faults.
"""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from modicum import Client

from tests.acceptance.acceptance_running import (
    Place,
    Running,
    expect_gone,
    family,
    running_server,
    started_server,
)
from tests.acceptance.acceptance_stage import ARCHITECTURE, CLASSES, patches
from tests.waiting import PATIENCE_SECONDS, eventually

#: Short leases, so that the death of a worker is seen soon.
SHORT_LEASES = {"MODICUM_LEASE_SECONDS": "3", "MODICUM_RENEW_SECONDS": "1"}
ITEMS = 24
#: Exact backselect: half a million passes per image.
LONG_AUDIT = (
    *("audit", "flat", "--weights", "w.safetensors", "--architecture", ARCHITECTURE, "--input", "input.toml"),
    *("--method", "backselect", "--threshold", "0.9"),
)


@pytest.fixture(scope="module")
def material(materials) -> Path:
    """More photographs than fit into one chunk of work."""
    np.savez(materials / "many.npz", images=patches(np.arange(ITEMS) % len(CLASSES), seed=11))
    return materials


def begun(client: Client, material: Path, *, seed: int):
    """An audit that has made passes and still has images to do."""
    model = client.models.register(
        "m",
        weights=material / "w.safetensors",
        architecture=ARCHITECTURE,
        input=material / "input.toml",
        class_labels=material / "labels.txt",
    )
    photos = client.datasets.upload("many", material / "many.npz")
    audit = client.audits.create(
        models=[model],
        dataset=photos,
        thresholds=[0.9],
        method="batched_gradient",
        pixels_per_step=12,
        controls=[],
        seed=seed,
    )
    for event in audit.watch():
        if event.passes_done:
            break
    assert not audit.refresh().state.terminal, "it ended before anything could be killed; give it more to do"
    return audit


@contextmanager
def client_of(running: Running) -> Iterator[Client]:
    with Client(running.address, token=running.token) as client:
        yield client


def expect_every_finding_once(audit) -> None:
    audit.wait()
    findings = audit.result().findings
    assert sorted(finding.item for finding in findings) == [f"{number:02d}" for number in range(ITEMS)]
    assert [(finding.item, finding.reason) for finding in findings if finding.reason or not finding.subset] == []


@pytest.mark.long
def test_a_killed_server_leaves_no_process_and_the_next_one_ends_its_audit(short_folder, material):
    with started_server(Place.make(short_folder).with_variables(**SHORT_LEASES)) as running:
        with client_of(running) as client:
            name = begun(client, material, seed=1).name
        members = family(running.process.pid)

        running.process.kill()

        expect_gone(members, seconds=120)
    with running_server(short_folder, **SHORT_LEASES) as again, client_of(again) as client:
        expect_every_finding_once(client.audits.get(name))


@pytest.mark.long
def test_ctrl_c_cancels_the_audit_and_the_server_stops(local_place):
    with local_place.started("modicum", *LONG_AUDIT, stderr=subprocess.PIPE) as command:
        name = next(found[1] for line in command.stderr if (found := re.match("projects/default/audits/(.*): 9", line)))
        members = family(server_pid(local_place))

        command.send_signal(signal.SIGINT)
        said = command.communicate(timeout=PATIENCE_SECONDS)[1]

    assert command.returncode == 130, said
    assert "cancelling" in said
    assert "Traceback" not in said
    expect_gone(members, seconds=120)
    assert local_place.leftovers == []
    assert local_place.run("modicum", "audits", "show", name, "--json").document["state"] == "CANCELLED"
    eventually(lambda: not (local_place.data / "server.json").exists())
    eventually(lambda: local_place.leftovers == [])


@pytest.mark.long
def test_ctrl_c_while_the_server_starts_leaves_nothing(local_place):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with local_place.started("modicum", "audits", "list", **pipes) as command:
        eventually((local_place.data / "worker.log").exists)
        members = family(command.pid) - {psutil.Process(command.pid)}

        command.send_signal(signal.SIGINT)
        said = command.communicate(timeout=PATIENCE_SECONDS)[1]

    assert command.returncode == 130, said
    assert "Traceback" not in said
    expect_gone(members, seconds=120)
    assert local_place.leftovers == []


def server_pid(place: Place) -> int:
    return int(json.loads((place.data / "server.json").read_text())["pid"])
