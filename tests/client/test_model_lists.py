"""The list of models: the state of the newest version, and the newest verdict."""

import io
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from modicum.cli import models
from modicum.gate.verdict import Outcome
from modicum.v1 import model_pb2
from modicum.versions import Model, ModelVerdict, VersionState, model_value, version_value
from rich.console import Console

TIME = datetime(2026, 11, 27, tzinfo=UTC)
PARENT = "projects/default/models"


def verdict(outcome, *versions):
    return SimpleNamespace(
        outcome=outcome, model_versions=tuple(f"{PARENT}/{one.replace('/', '/versions/')}" for one in versions)
    )


@pytest.fixture
def listed(monkeypatch, capsys):
    """Lists models of a server with these verdicts, newest first; gives the lines, and how many verdicts were read."""

    def listed(*verdicts, told=None):
        read = []
        served = SimpleNamespace(
            models=SimpleNamespace(
                list=lambda: [
                    Model(f"{PARENT}/bad", f"{PARENT}/bad/versions/3", TIME, VersionState.REJECTED, "", told),
                    Model(f"{PARENT}/new", "", TIME),
                ]
            ),
            verdicts=SimpleNamespace(list=lambda: (read.append(one) or one for one in verdicts)),
        )
        monkeypatch.setattr(models, "Client", lambda: nullcontext(served))
        models.list_models()
        return capsys.readouterr().out, len(read)

    return listed


def test_a_model_is_listed_with_its_newest_version_its_state_and_its_newest_verdict(listed):
    text, _ = listed(verdict(Outcome.FAIL, "bad/2"), verdict(Outcome.PASS, "bad/1"))

    (row,) = [line.split("│") for line in text.splitlines() if "bad" in line]
    assert [cell.strip() for cell in row[1:5]] == ["bad", "3", "REJECTED", "FAIL for bad/2"]


def test_a_server_that_tells_verdicts_with_its_models_is_asked_for_no_others(listed):
    versions = (f"{PARENT}/bad/versions/2",)
    told = ModelVerdict(name="", audit="", model_versions=versions, outcome=Outcome.FAIL, create_time=TIME)

    text, read = listed(verdict(Outcome.PASS, "new/1"), told=told)

    assert "FAIL for bad/2" in text
    assert "PASS" not in text
    assert read == 0


def test_verdicts_are_read_only_until_each_model_has_one(listed):
    _, read = listed(verdict(Outcome.PASS, "new/1", "bad/1"), verdict(Outcome.FAIL, "bad/1"))

    assert read == 1


@pytest.mark.parametrize("number", [0, 99], ids=["none", "of a later release"])
def test_a_verdict_with_an_unknown_outcome_never_counts_as_passed(number):
    message = model_pb2.Model(newest_verdict=model_pb2.ModelVerdict(outcome=number))

    told = model_value(message).newest_verdict

    assert told is not None
    assert told.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("width", [60, 80])
def test_a_version_is_shown_within_the_terminal_and_no_number_is_broken(monkeypatch, width):
    console = Console(file=io.StringIO(), width=width)
    monkeypatch.setattr(models, "stdout", lambda: console)
    detail = "the weights have 11,689,512 values, but resnet18 with 1,000 classes has 11,689,514, in 122 tensors"
    refused = {"state": 3, "reject_reason": "WEIGHTS_MISMATCH", "reject_detail": detail}

    models._show(version_value(model_pb2.ModelVersion(name=f"{PARENT}/resnet18/versions/3", **refused)))

    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert all(number in text for number in ("11,689,512", "1,000", "11,689,514", "122"))
    assert "state" in text
