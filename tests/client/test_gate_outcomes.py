"""Each outcome of `modicum gate` and `judge`, and each exit code, through the real command."""

import json
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from modicum.v1 import model_pb2

from tests.client.scripted_results import succeeded
from tests.client.test_gate_command import GATE, SPOTS
from tests.gate.documents import document
from tests.ports import free_port
from tests.readers import READERS

TODAY = datetime.now(UTC).date()
WAIVER = "waivers: [{{rule: spot, class: cat, reason: 'ticket 12', owner: vision, expires: {}}}]\n"
PLACE = "accept: [{rule: spot, class: cat, reason: 'the lesion', owner: vision, place: "
PLACE += "{top: 8, left: 8, height: 4, width: 4}}]\n"
JUDGE = "modicum judge result.json"
NOWHERE = "MODICUM_ADDRESS=127.0.0.1:{}"


@pytest.fixture
def verdict_of(gate_shell, script, tmp_path):
    """Runs the gate, and `judge` on the same result, with so much more in the policy; both must end alike."""

    def ended(spots, more, options=""):
        result = document(spots=SPOTS[spots], level=0.99, seed=7)
        succeeded(script, result)
        (tmp_path / "result.json").write_text(json.dumps(result))
        with (tmp_path / "modicum.yaml").open("a") as policy:
            policy.write(more)
        gate, judge = (gate_shell(f"{command} {options}") for command in (GATE, JUDGE))
        assert (gate.returncode, gate.stdout) == (judge.returncode, judge.stdout), gate.stderr + judge.stderr
        return gate

    return ended


@pytest.mark.long_after(1)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(("spots", "code"), [("planted", 1), ("open", 4), ("clean", 0)])
def test_the_verdict_is_the_exit_code_of_the_gate_whatever_reads_it(gate_shell, script, spots, code, reader):
    succeeded(script, document(spots=SPOTS[spots], level=0.99, seed=7))

    ended = gate_shell(reader % GATE)

    assert ended.returncode == code, ended.stderr
    assert "bug" not in ended.stderr


def test_a_waived_failure_passes_and_stays_visible(verdict_of):
    ended = verdict_of("planted", WAIVER.format(TODAY + timedelta(days=1)))

    assert ended.returncode == 0
    assert "PASS" in ended.stdout.splitlines()[0]
    assert "waived: spot" in ended.stdout


@pytest.mark.long
def test_a_waiver_that_has_expired_fails(verdict_of):
    ended = verdict_of("clean", WAIVER.format(TODAY - timedelta(days=1)))

    assert ended.returncode == 1
    assert ended.stdout.startswith("FAIL")
    assert "expired" in ended.stdout


def test_an_accepted_place_passes_and_is_named(verdict_of):
    ended = verdict_of("planted", PLACE)

    assert ended.returncode == 0
    assert "accepted as evidence: a place of class cat" in ended.stdout


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("rules", "code"), [("rules: {spot: off}", 4), ("preset: report-only", 0)])
def test_where_nothing_is_judged_nothing_passes_unless_nothing_is_asked(verdict_of, rules, code):
    assert verdict_of("planted", rules).returncode == code


@pytest.mark.long_after(1)
@pytest.mark.parametrize("says", ["warn", "allow"])
def test_an_inconclusive_verdict_ends_with_0_where_the_policy_says_so(verdict_of, says):
    ended = verdict_of("open", f"inconclusive: {says}\n")

    assert ended.returncode == 0
    assert ended.stdout.startswith("INCONCLUSIVE")
    assert "the verdict is INCONCLUSIVE; the policy" in ended.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize("spots", ["planted", "open"])
def test_exit_zero_ends_with_0_and_says_what_it_would_be(verdict_of, spots):
    ended = verdict_of(spots, "", "--exit-zero")

    assert ended.returncode == 0
    code = 1 if spots == "planted" else 4
    assert f"the exit code is 0 because of --exit-zero; without it, it is {code}" in ended.stderr


def test_exit_zero_hides_no_error(gate_shell):
    assert gate_shell(f"{GATE} --exit-zero --policy absent.yaml").returncode == 2


@pytest.mark.long
def test_a_server_that_cannot_be_reached_is_not_completed(gate_shell):
    ended = gate_shell(f"{NOWHERE.format(free_port())} {GATE}")

    assert ended.returncode == 3, ended.stderr


def test_a_model_that_the_server_refuses_ends_with_5(gate_shell, script):
    script.version_states = [model_pb2.ModelVersion.STATE_REJECTED]

    ended = gate_shell(GATE)

    assert ended.returncode == 5
    assert "STATE_DICT_MISMATCH" in ended.stderr
    assert script.calls["CreateAudit"] == []


def test_data_that_the_server_refuses_end_with_5(gate_shell, script):
    script.steps["CreateAudit"] = [(grpc.StatusCode.FAILED_PRECONDITION, "DATASET_DIFFERS", {})]

    assert gate_shell(GATE).returncode == 5


def test_a_policy_that_cannot_be_written_is_not_completed(gate_shell):
    ended = gate_shell("modicum policy init absent/modicum.yaml")

    assert ended.returncode == 3
    assert "absent/modicum.yaml: could not be written" in ended.stderr
