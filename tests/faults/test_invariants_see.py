"""The invariants find the records and files that an unhandled fault would leave."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.invariants import artifacts_valid, leases_short, only_holders_write

CLAIM = {"what": "claim", "shard": 1, "attempt": 2, "application": "worker1-1", "detail": "SUMMARISE"}
FINDING = {"what": "finding", "shard": 1, "attempt": 2, "application": "worker1-1", "detail": "3", "held": True}
SHARD_END = {**FINDING, "what": "shard_end", "detail": "SUMMARISE", "transaction": "70"}
AUDIT = "projects/default/audits/1"
SUCCEEDED = {"what": "state", "detail": "SUCCEEDED", "transaction": "70"}
CANCELLED = {"what": "state", "detail": "CANCELLED"}
ENDED = {"event": "shard_ended", "shard": 1, "attempt": 2, "outcome": "done"}
NOT_WRITTEN = {"event": "findings_not_written", "audit": AUDIT}


class LoggedWorker:
    """A worker that has only a log."""

    name = "worker1"

    def __init__(self, *lines: dict[str, Any]) -> None:
        self.logged = lines

    def lines(self, *events: str, since: int) -> list[dict[str, Any]]:
        return [line for line in self.logged if line["event"] in events]


class RecordedStage:
    """A stage that has only notes, artifacts and its worker's log."""

    def __init__(
        self,
        *notes: dict[str, Any],
        artifacts: Path = Path("nowhere"),
        held: tuple[str, ...] = (),
        logged: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self.notes, self.artifacts, self.held, self.all_parts = notes, artifacts, held, [LoggedWorker(*logged)]

    def sql(self, query: str, *values: Any) -> list[dict[str, Any]]:
        if "artifacts" in query:
            return [{"digest": digest} for digest in self.held]
        noted = [{"transaction": "0", "audit": AUDIT, "id": id_, **note} for id_, note in enumerate(self.notes)]
        return [note for note in noted if note["what"] == values[0]]

    def value(self, query: str, what: str, detail: str) -> int:
        return sum((note["what"], note["detail"]) == (what, detail) for note in self.notes)


def trial(*notes: dict[str, Any], **facts: Any) -> Any:
    before = SimpleNamespace(log_bytes={})
    return SimpleNamespace(stage=RecordedStage(*notes, **facts), before=before, names={"": AUDIT}, note=lambda _: None)


def artifact(folder: Path, data: bytes, name: str = "") -> str:
    digest = name or hashlib.sha256(data).hexdigest()
    place = folder / "sha256" / digest[:2]
    place.mkdir(parents=True, exist_ok=True)
    (place / digest).write_bytes(data)
    return digest


def test_writes_of_the_holder_pass():
    only_holders_write(trial(CLAIM, FINDING, SHARD_END, SUCCEEDED))


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
        "another worker's finding",
        "another worker's score",
        "another worker's prediction",
        "another worker's end",
        "unclaimed attempt",
        "expired lease",
        "success outside its summary",
    ],
)
def test_a_write_of_a_superseded_attempt_fails(written):
    with pytest.raises(AssertionError, match="expected"):
        only_holders_write(trial(CLAIM, SHARD_END, written))


def test_a_batch_may_be_written_again_after_an_unconfirmed_commit():
    batch = {**FINDING, "transaction": "60"}, {**FINDING, "detail": "4", "transaction": "60"}
    again = tuple({**finding, "transaction": "61"} for finding in batch)

    only_holders_write(trial(CLAIM, *batch, *again, logged=(NOT_WRITTEN,)))


@pytest.mark.parametrize("logged", [(), ({**NOT_WRITTEN, "audit": "projects/default/audits/2"},)])
def test_a_stale_task_that_writes_a_finding_again_in_the_same_process_fails(logged):
    with pytest.raises(AssertionError, match="expected each place to be written once"):
        only_holders_write(trial(CLAIM, FINDING, {**FINDING, "transaction": "61"}, logged=logged))


def test_a_log_that_names_the_holder_as_the_end_of_the_shard_passes():
    lost = {**ENDED, "attempt": 1, "outcome": "lost"}
    another = {**ENDED, "shard": 2, "attempt": 1}

    only_holders_write(trial(CLAIM, SHARD_END, logged=(lost, ENDED, another)))


def test_a_stale_task_that_ends_the_next_attempts_shard_in_the_same_process_fails():
    with pytest.raises(AssertionError, match="expected attempt 2 to end the shard"):
        only_holders_write(trial(CLAIM, SHARD_END, logged=({**ENDED, "attempt": 1},)))


def test_a_finding_stored_after_the_audits_end_fails():
    only_holders_write(trial(CLAIM, FINDING, CANCELLED))

    with pytest.raises(AssertionError, match="an audit that has ended"):
        only_holders_write(trial(CLAIM, CANCELLED, FINDING))


def test_a_lease_that_is_too_long_fails():
    leases_short(trial(CLAIM))

    with pytest.raises(AssertionError, match="leases that end soon"):
        leases_short(trial(CLAIM, {"what": "lease", "detail": "2026-11-25 10:00:00+00"}))


def test_artifacts_of_a_project_or_of_an_interrupted_summary_pass(tmp_path):
    held = artifact(tmp_path, b"held")
    artifact(tmp_path, b"left")

    artifacts_valid(trial(CLAIM, artifacts=tmp_path, held=(held,)))


def test_an_unaccounted_artifact_fails(tmp_path):
    artifact(tmp_path, b"left")

    with pytest.raises(AssertionError, match="no project holds"):
        artifacts_valid(trial(CLAIM, SUCCEEDED, artifacts=tmp_path))


def test_an_artifact_whose_bytes_differ_from_its_digest_fails(tmp_path):
    held = artifact(tmp_path, b"half", name="0" * 64)

    with pytest.raises(AssertionError, match="digest of its name"):
        artifacts_valid(trial(artifacts=tmp_path, held=(held,)))
