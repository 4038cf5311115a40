"""Exit codes of the command as a shell sees them, when whoever reads its output leaves, is absent, or has no room."""

import pytest

from tests.client.scripted_results import succeeded, unmeasured
from tests.client.test_mitigation_results import CHECK
from tests.readers import READERS

ENSEMBLE = "ensemble check photos --member a --member b --quiet"
AUDIT = "audit photos --weights w.safetensors --architecture torchvision:resnet18 --input imagenet"
AUDIT += " --class-labels labels.txt --quiet"


@pytest.mark.long_after(1)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_the_verdict_on_an_ensemble_is_the_exit_code_whatever_reads_it(shell, script, reader):
    succeeded(script, {"mitigation": [{**CHECK, "verdict": "NOT_MITIGATED"}]})

    ended = shell(reader % f"modicum {ENSEMBLE}")

    assert ended.returncode == 1, ended.stderr
    assert "bug" not in ended.stderr
    assert "Exception" not in ended.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize("verdict", [("MITIGATED", 0), ("INCONCLUSIVE", 4)], ids=lambda verdict: verdict[0])
def test_each_verdict_in_json_keeps_its_exit_code_without_a_reader(shell, script, verdict):
    name, code = verdict
    succeeded(script, {"mitigation": [{**CHECK, "verdict": name}]})

    ended = shell(READERS["a reader that leaves at once"] % f"modicum {ENSEMBLE} --json")

    assert (ended.returncode, ended.stderr) == (code, "")


@pytest.mark.long_after(1)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_an_audit_that_measured_nothing_is_refused_whatever_reads_it(shell, script, reader):
    succeeded(script, unmeasured())

    ended = shell(reader % f"modicum {AUDIT} --json")

    assert ended.returncode == 5, ended.stderr


@pytest.mark.long
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
