"""The invariants of the table see what they are there for: notes and files as a fault that got through would leave."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.invariants import no_write_of_the_past, sound_artifacts

CLAIM = {"what": "claim", "shard": 1, "attempt": 2, "application": "worker1-1", "detail": "SUMMARISE"}
FINDING = {"what": "finding", "shard": 1, "attempt": 2, "application": "worker1-1", "detail": "3", "held": True}
SHARD_END = {**FINDING, "what": "shard_end", "detail": "SUMMARISE", "transaction": "70"}
SUCCEEDED = {"what": "state", "detail": "SUCCEEDED", "transaction": "70"}


class Noted:
    """A stage of which only its notes are known, and its artifacts."""

    def __init__(self, *notes: dict[str, Any], artifacts: Path = Path("nowhere"), held: tuple[str, ...] = ()) -> None:
        self.notes, self.artifacts, self.held = notes, artifacts, held

    def sql(self, query: str, *values: Any) -> list[dict[str, Any]]:
        if "artifacts" in query:
            return [{"digest": digest} for digest in self.held]
        return [{"transaction": "0", **note} for note in self.notes if note["what"] == values[0]]

    def value(self, query: str, what: str, detail: str) -> int:
        return sum((note["what"], note["detail"]) == (what, detail) for note in self.notes)


def trial(*notes: dict[str, Any], **facts: Any) -> Any:
    return SimpleNamespace(stage=Noted(*notes, **facts), names={}, note=lambda _: None)


def artifact(folder: Path, data: bytes, name: str = "") -> str:
    digest = name or hashlib.sha256(data).hexdigest()
    place = folder / "sha256" / digest[:2]
    place.mkdir(parents=True, exist_ok=True)
    (place / digest).write_bytes(data)
    return digest


def test_what_the_holder_of_an_attempt_writes_passes():
    no_write_of_the_past(trial(CLAIM, FINDING, SHARD_END, SUCCEEDED))


@pytest.mark.parametrize(
    "written",
    [
        {**FINDING, "application": "worker2-1"},
        {**SHARD_END, "application": "worker2-1"},
        {**FINDING, "attempt": 1},
        {**FINDING, "held": False},
        {**SUCCEEDED, "transaction": "71"},
    ],
    ids=["another's finding", "another's end", "attempt that nobody claimed", "lease run out", "end without its shard"],
)
def test_a_write_of_the_past_is_seen(written):
    with pytest.raises(AssertionError, match="expected"):
        no_write_of_the_past(trial(CLAIM, SHARD_END, written))


def test_artifacts_pass_that_a_project_holds_or_a_broken_summary_left(tmp_path):
    held = artifact(tmp_path, b"held")
    artifact(tmp_path, b"left")

    sound_artifacts(trial(CLAIM, artifacts=tmp_path, held=(held,)))


def test_an_artifact_that_nothing_accounts_for_is_seen(tmp_path):
    artifact(tmp_path, b"left")

    with pytest.raises(AssertionError, match="no project holds"):
        sound_artifacts(trial(CLAIM, SUCCEEDED, artifacts=tmp_path))


def test_an_artifact_with_other_bytes_than_its_name_says_is_seen(tmp_path):
    held = artifact(tmp_path, b"half", name="0" * 64)

    with pytest.raises(AssertionError, match="digest of its name"):
        sound_artifacts(trial(artifacts=tmp_path, held=(held,)))
