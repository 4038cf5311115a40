"""The list of audits: what each found, without a look at its findings."""

from dataclasses import replace

import pytest
from modicum.cli.audit_lists import MOST_RESULTS, audits_table, outcomes_by_result
from modicum.errors import NotFound
from modicum.snapshots import AuditOutcome, AuditState

SUMMARY = "The decision for 7 follows a spot of 9x9 pixels: copied, it makes 35% of them 7. Is that evidence?"


@pytest.fixture
def snapshot(client):
    return client.audits.create(models=["m"], dataset="d", thresholds=[0.9]).snapshot


class Ended:
    """An audit that has ended, with a result document of one version for each outcome."""

    def __init__(self, snapshot, *outcomes, digest="a", state=AuditState.SUCCEEDED, failure=None, **changes):
        self.snapshot = replace(snapshot, result_digest=digest, state=state, **changes)
        self.state = state
        self.fetched = 0
        self._outcomes, self._failure = outcomes, failure

    def document(self):
        self.fetched += 1
        if self._failure:
            raise self._failure
        return {"models": [model(number, outcome) for number, outcome in enumerate(self._outcomes)]}


def model(number, outcome):
    readings = [{"control": "spot", "text": "", "outcome": outcome}]
    search = {"search": {"threshold": 0.9}, "measures": {}, "readings": readings, "counts": {}}
    return {
        "model_version": f"projects/default/models/m{number}/versions/1",
        "digest": "",
        "searches": [search],
        "summary": [f"{outcome}. {SUMMARY}" if outcome == "NONE_FOUND" else SUMMARY],
    }


def rows_of(*audits):
    told = outcomes_by_result(audits)
    return [row[1:4] for row in audits_table([audit.snapshot for audit in audits], told).rows]


def test_an_audit_is_listed_with_the_worst_outcome_and_the_beginning_of_its_summary(snapshot):
    audit = Ended(snapshot, "NONE_FOUND", "DECISIVE")

    assert rows_of(audit) == [("SUCCEEDED", "DECISIVE", "The decision for 7 follows a spot of 9x9 pixels")]


def test_a_failed_audit_is_listed_with_its_reason(snapshot):
    failed = Ended(snapshot, digest="", state=AuditState.FAILED, failure_reason="MODEL_DIED")

    assert rows_of(failed) == [("FAILED", "", "MODEL_DIED")]
    assert failed.fetched == 0


def test_a_running_audit_has_no_outcome(snapshot):
    assert rows_of(Ended(snapshot, digest="", state=AuditState.RUNNING)) == [("RUNNING", "", "")]


def test_one_result_that_cannot_be_read_does_not_end_the_list(snapshot):
    gone = Ended(snapshot, digest="b", failure=NotFound("the artifact was deleted"))

    ((_, outcome, headline), (_, other, _)) = rows_of(gone, Ended(snapshot, "SHORTCUT"))

    assert (outcome, headline) == ("", "the result cannot be read: the artifact was deleted")
    assert other == "SHORTCUT"


def test_audits_that_share_a_result_fetch_it_once(snapshot):
    first, again = Ended(snapshot, "DECISIVE"), Ended(snapshot, "DECISIVE")

    assert [outcome for _, outcome, _ in rows_of(first, again)] == ["DECISIVE", "DECISIVE"]
    assert (first.fetched, again.fetched) == (1, 0)


def test_what_the_server_tells_is_not_fetched(snapshot):
    told = AuditOutcome(model_version="m", outcome="SUFFICIENT", headline="A spot suffices")
    new, earlier = Ended(snapshot, "DECISIVE", outcome=told), Ended(snapshot, "NONE_FOUND", digest="b")

    rows = rows_of(new, earlier)

    assert rows == [("SUCCEEDED", "SUFFICIENT", "A spot suffices"), ("SUCCEEDED", "NONE_FOUND", "NONE_FOUND")]
    assert (new.fetched, earlier.fetched) == (0, 1)


def test_only_the_newest_results_are_fetched_and_the_others_counted(snapshot):
    audits = [Ended(snapshot, "DECISIVE", digest=str(number)) for number in range(MOST_RESULTS + 2)]

    table = audits_table([audit.snapshot for audit in audits], outcomes_by_result(audits))

    assert [row[2] for row in table.rows[-3:]] == ["DECISIVE", "", ""]
    assert table.caption == "older results that were not read: 2; modicum audits show AUDIT shows one"
