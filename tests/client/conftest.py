"""Fixtures of the client's tests: a scripted service, and clients of it."""

import gzip
import json
import os
import subprocess

import pytest
from modicum import Client, connection
from modicum.retrying import CALLS_TO_KNOWN_SERVER, Backoff
from modicum.v1 import model_pb2

from tests.client.canvas_reports import CANVAS, IMAGE, MEAN, ROWS, SIDE, canvas_archive, document, hold
from tests.client.scripted_service import Script, serve
from tests.model_files import SAFETENSORS


@pytest.fixture(autouse=True)
def _no_server_of_the_developer(monkeypatch, tmp_path):
    for name in ("MODICUM_ADDRESS", "MODICUM_TOKEN", "MODICUM_TOKEN_FILE", "MODICUM_INSECURE", "MODICUM_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODICUM_DATA", str(tmp_path / "data"))


@pytest.fixture
def quick_retries(monkeypatch):
    """The usual number of attempts, with hardly a pause."""
    monkeypatch.setattr(connection, "CALLS", Backoff(first_seconds=0.01, longest_seconds=0.02))
    monkeypatch.setattr(
        connection,
        "CALLS_TO_KNOWN_SERVER",
        Backoff(0.01, longest_seconds=0.02, attempts=CALLS_TO_KNOWN_SERVER.attempts),
    )
    monkeypatch.setattr(connection, "STREAMS", Backoff(first_seconds=0.01, longest_seconds=0.02))


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def address(script):
    server, address = serve(script)
    yield address
    script.ended.set()
    server.stop(0).wait()


@pytest.fixture
def client(address, quick_retries):
    with Client(address, token="secret", timeout_seconds=60) as client:
        yield client


@pytest.fixture
def shell(tmp_path, address, forked_modicum):
    """Runs a line of bash, in which `modicum` is the command, in a folder with images and weights."""
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "a.jpg").write_bytes(b"a")
    (tmp_path / "w.safetensors").write_bytes(SAFETENSORS)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")

    def run(line):
        return subprocess.run(
            ["bash", "-c", f'modicum() {{ {forked_modicum} "$@"; }}; {line}'],
            cwd=tmp_path,
            env={**os.environ, "MODICUM_ADDRESS": address},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture
def gate_shell(shell, tmp_path):
    """As `shell`, with a policy in the folder."""
    audit = "{threshold: 0.9, passes: 300, seed: 7, controls: [spot], level: 0.99}"
    (tmp_path / "modicum.yaml").write_text(f"version: 1\naudit: {audit}\n")
    return shell


@pytest.fixture
def colour_model(monkeypatch):
    """The version has three channels, and a mean fill that differs from its mean."""
    monkeypatch.setattr(
        "tests.client.scripted_service.INPUT",
        model_pb2.InputSpecification(
            channels=3,
            height=SIDE,
            width=SIDE,
            upper_bound=1,
            interpolation="bilinear",
            mean=[0.4] * 3,
            std=[1] * 3,
            fill_mean=MEAN,
        ),
    )


@pytest.fixture
def exported(client, script, colour_model):
    """Makes an audit with these rows succeed, and returns it."""

    def audit(rows=ROWS, image=IMAGE, **changes):
        result = document(**changes)
        text = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        result["findings"]["digest"] = hold(script, gzip.compress(text))
        script.audit.result_digest = hold(script, json.dumps(result).encode())
        script.watches = [([(2, "SUCCEEDED")], "done")] * 5
        script.reports[CANVAS] = canvas_archive(rows, image)
        return client.audits.get("a")

    return audit
