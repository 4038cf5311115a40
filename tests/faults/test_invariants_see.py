"""The invariants of the table see what they are there for: notes and files as a fault that got through would leave."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.invariants import leases_end, no_write_of_the_past, sound_artifacts

CLAIM = {"what": "claim", "shard": 1, "attempt": 2, "application": "worker1-1", "detail": "SUMMARISE"}
FINDING = {"what": "finding", "shard": 1, "attempt": 2, "application": "worker1-1", "detail": "3", "held": True}
SHARD_END = {**FINDING, "what": "shard_end", "detail": "SUMMARISE", "transaction": "70"}
AUDIT = "projects/default/audits/1"
SUCCEEDED = {"what": "state", "detail": "SUCCEEDED", "transaction": "70"}
CANCELLED = {"what": "state", "detail": "CANCELLED"}
ENDED = {"event": "shard_ended", "shard": 1, "attempt": 2, "outcome": "done"}
NOT_WRITTEN = {"event": "findings_not_written", "audit": AUDIT}


class Logged:
    """A worker of which only its log is known."""

    name = "worker1"

    def __init__(self, *lines: dict[str, Any]) -> None:
        self.logged = lines

    def lines(self, *events: str, since: int) -> list[dict[str, Any]]:
        return [line for line in self.logged if line["event"] in events]


class Noted:
    """A stage of which only its notes are known, its artifacts, and its worker's log."""

    def __init__(
        self,
        *notes: dict[str, Any],
        artifacts: Path = Path("nowhere"),
        held: tuple[str, ...] = (),
        logged: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self.notes, self.artifacts, self.held, self.all_parts = notes, artifacts, held, [Logged(*logged)]

    def sql(self, query: str, *values: Any) -> list[dict[str, Any]]:
        if "artifacts" in query:
            return [{"digest": digest} for digest in self.held]
        noted = [{"transaction": "0", "audit": AUDIT, "id": id_, **note} for id_, note in enumerate(self.notes)]
        return [note for note in noted if note["what"] == values[0]]

    def value(self, query: str, what: str, detail: str) -> int:
        return sum((note["what"], note["detail"]) == (what, detail) for note in self.notes)


def trial(*notes: dict[str, Any], **facts: Any) -> Any:
    before = SimpleNamespace(log_bytes={})
    return SimpleNamespace(stage=Noted(*notes, **facts), before=before, names={"": AUDIT}, note=lambda _: None)


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
        {**FINDING, "what": "score", "application": "worker2-1"},
        {**FINDING, "what": "prediction", "application": "worker2-1"},
        {**SHARD_END, "application": "worker2-1"},
        {**FINDING, "attempt": 1},
        {**FINDING, "held": False},
        {**SUCCEEDED, "transaction": "71"},
    ],
    ids=[
        "another's finding",
        "another's score",
        "another's prediction",
        "another's end",
        "attempt that nobody claimed",
        "lease run out",
        "end without its shard",
    ],
)
def test_a_write_of_the_past_is_seen(written):
    with pytest.raises(AssertionError, match="expected"):
        no_write_of_the_past(trial(CLAIM, SHARD_END, written))


def test_a_batch_that_is_written_again_passes_where_the_worker_heard_of_no_commit():
    batch = {**FINDING, "transaction": "60"}, {**FINDING, "detail": "4", "transaction": "60"}
    again = tuple({**finding, "transaction": "61"} for finding in batch)

    no_write_of_the_past(trial(CLAIM, *batch, *again, logged=(NOT_WRITTEN,)))


@pytest.mark.parametrize("logged", [(), ({**NOT_WRITTEN, "audit": "projects/default/audits/2"},)])
def test_a_stale_task_is_seen_that_writes_what_its_successor_in_the_same_process_writes(logged):
    with pytest.raises(AssertionError, match="expected each place to be written once"):
        no_write_of_the_past(trial(CLAIM, FINDING, {**FINDING, "transaction": "61"}, logged=logged))


def test_what_a_workers_log_says_of_the_holders_end_passes():
    lost = {**ENDED, "attempt": 1, "outcome": "lost"}
    another = {**ENDED, "shard": 2, "attempt": 1}

    no_write_of_the_past(trial(CLAIM, SHARD_END, logged=(lost, ENDED, another)))


def test_a_stale_task_is_seen_that_ends_the_shard_of_its_successor_in_the_same_process():
    with pytest.raises(AssertionError, match="expected attempt 2 to end the shard"):
        no_write_of_the_past(trial(CLAIM, SHARD_END, logged=({**ENDED, "attempt": 1},)))


def test_a_finding_of_an_audit_that_has_ended_is_seen():
    no_write_of_the_past(trial(CLAIM, FINDING, CANCELLED))

    with pytest.raises(AssertionError, match="an audit that has ended"):
        no_write_of_the_past(trial(CLAIM, CANCELLED, FINDING))


def test_a_lease_that_no_death_would_end_is_seen():
    leases_end(trial(CLAIM))

    with pytest.raises(AssertionError, match="leases that end soon"):
        leases_end(trial(CLAIM, {"what": "lease", "detail": "2026-11-25 10:00:00+00"}))


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
