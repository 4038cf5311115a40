"""Exit codes of the command as a shell sees them, when whoever reads its output leaves, is absent, or has no room."""

import gzip
import hashlib
import json
import os
import subprocess

import pytest
from modicum.v1 import audit_pb2

from tests.client.test_mitigation_results import CHECK
from tests.readers import READERS

ENSEMBLE = "ensemble check photos --member a --member b --quiet"
AUDIT = "audit photos --weights w.safetensors --architecture torchvision:resnet18 --input imagenet"
AUDIT += " --labels labels.txt --quiet"
VERSION = "projects/default/models/m/versions/1"


@pytest.fixture
def shell(tmp_path, address, script, forked_modicum):
    """Runs a line of bash, in which `modicum` is the command, in a folder with images and weights."""
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "a.jpg").write_bytes(b"a")
    (tmp_path / "w.safetensors").write_bytes(b"w")
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


def stored(script, content):
    digest = hashlib.sha256(content).hexdigest()
    script.artifacts[digest] = content
    return digest


def succeeded(script, document):
    """Let the scripted audit succeed with this document; return what is stored of it, as a server writes it."""
    rows = stored(script, gzip.compress(b""))
    whole = {"schema_version": 1, "models": [], "mitigation": [], **document, "findings": {"digest": rows}}
    script.audit.state = audit_pb2.Audit.STATE_SUCCEEDED
    written = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    script.audit.result_digest = stored(script, written)
    script.watches = [([(2, "SUCCEEDED")], "end")] * 4
    return written


def unmeasured():
    """A document of one search whose only image failed."""
    counts = dict.fromkeys(
        ("eligible", "not_eligible", "baseline_confident", "with_subset", "budget_exhausted", "saturated"), 0
    )
    search = {
        "search": {"method": "mask_optimization", "threshold": 0.9, "fill": "mean", "target_rule": "predicted"},
        "search_digest": "",
        "measures": {},
        "readings": [],
        "counts": {**counts, "images": 1, "failed": 1},
    }
    return {"models": [{"model_version": VERSION, "digest": "", "stamp": "", "searches": [search]}]}


@pytest.mark.long_after(2)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_the_verdict_on_an_ensemble_is_the_exit_code_whatever_reads_it(shell, script, reader):
    succeeded(script, {"mitigation": [{**CHECK, "verdict": "NOT_MITIGATED"}]})

    ended = shell(reader % f"modicum {ENSEMBLE}")

    assert ended.returncode == 1, ended.stderr
    assert "bug" not in ended.stderr
    assert "Exception" not in ended.stderr


@pytest.mark.parametrize("verdict", [("MITIGATED", 0), ("INCONCLUSIVE", 4)], ids=lambda verdict: verdict[0])
def test_each_verdict_in_json_keeps_its_exit_code_without_a_reader(shell, script, verdict):
    name, code = verdict
    succeeded(script, {"mitigation": [{**CHECK, "verdict": name}]})

    ended = shell(READERS["a reader that leaves at once"] % f"modicum {ENSEMBLE} --json")

    assert (ended.returncode, ended.stderr) == (code, "")


@pytest.mark.long_after(2)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_an_audit_that_measured_nothing_is_refused_whatever_reads_it(shell, script, reader):
    succeeded(script, unmeasured())

    ended = shell(reader % f"modicum {AUDIT} --json")

    assert ended.returncode == 5, ended.stderr


def test_a_full_disk_is_reported_beside_the_verdict(shell, script):
    succeeded(script, {"mitigation": [{**CHECK, "verdict": "NOT_MITIGATED"}]})

    ended = shell(READERS["a full disk"] % f"modicum {ENSEMBLE}")

    assert "stdout could not be written: No space left on device" in ended.stderr


def test_a_table_whose_reader_leaves_ends_with_0(shell):
    ended = shell(READERS["a reader that leaves at once"] % "modicum models list")

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_list_that_does_not_fit_on_the_disk_is_not_completed(shell):
    ended = shell(READERS["a full disk"] % "modicum models list --json")

    assert ended.returncode == 3
    assert "stdout could not be written" in ended.stderr
