"""Faults of an audit that may end early: wherever it is struck, it ends after the same images with the same verdict."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from modicum.gate.judging import judge
from modicum.gate.policy_file import policy_of
from modicum.gate.stopping import ShareLimit, Stopping, look_images
from modicum_server.usecases.draws import draw_order

from tests.faults.documents import comparable
from tests.faults.fault import Fault, Trial, submitted
from tests.faults.faults_of_the_worker import EXPIRED, KILLED
from tests.faults.gates import Point
from tests.faults.signs import Line
from tests.faults.stage import SUBJECT
from tests.faults.subject import CLASSES, pictures

MANY, MANY_ITEMS, MANY_SEED = "many", 64, 9
#: The network is always right, so the first look settles the audit.
MAY_END_EARLY = {
    "dataset": MANY,
    "stopping": Stopping(limits=(ShareLimit(measure="accuracy", at_least=0.5),), within_ends=True),
}
FIRST_LOOK = frozenset(draw_order(seed=0, item_count=MANY_ITEMS)[: look_images(MANY_ITEMS)])
POLICY = "version: 1\nrules:\n  spot: off\n  accuracy: {min: 0.5}\n"


def kill_before_the_look(trial: Trial) -> None:
    """Kill the worker in the transaction that stores a finding of an audit that may end early."""
    path, labels = trial.stage.folder / f"{MANY}.npz", np.array(CLASSES)[np.arange(MANY_ITEMS) % len(CLASSES)]
    np.savez(path, images=pictures(MANY_ITEMS, MANY_SEED), labels=labels)
    trial.stage.client(SUBJECT).datasets.upload(MANY, path)
    trial.submit(**MAY_END_EARLY)
    trial.gate.wait_reached()
    trial.holder.kill()


def ended_as_without_the_kill(trial: Trial) -> None:
    """Check that the audit ended after the first look, and that an undisturbed one has the same result and verdict."""
    got = comparable(trial.audit)
    undisturbed = submitted(trial.stage, SUBJECT, **MAY_END_EARLY)
    undisturbed.wait()
    expected = comparable(undisturbed)
    stopping = got["stopping"]
    assert (stopping["images"], stopping["planned"], stopping["reason"]) == (len(FIRST_LOOK), MANY_ITEMS, "SETTLED")
    assert got == expected, f"expected the undisturbed run's document, got {stopping}"
    today = datetime.now(UTC).date()
    verdicts = [_verdict(document, today) for document in (got, expected)]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0]["outcome"] == "PASS"
    trial.note(f"ended after {stopping['images']} of {MANY_ITEMS} images: PASS")


def _verdict(document: dict[str, Any], today: date) -> dict[str, Any]:
    nameless = {**document, "audit": "", "created": ""}
    return judge(nameless, policy_of(POLICY, "modicum.yaml", today=today), today=today).as_json()


FAULTS = (
    Fault(
        name="worker_killed_while_its_audit_may_end_early",
        when="A worker has stored some findings of an audit that ends at the first look that settles its limits.",
        injected=KILLED,
        mechanism="Where the audit ends follows from its findings in a seeded order, not from who found them and when. "
        "An undisturbed audit after this one has the same result and the same verdict.",
        point=Point.FINDING,
        stored=(1, 13, 30),
        submits=False,
        positions=FIRST_LOOK,
        strike=kill_before_the_look,
        also=ended_as_without_the_kill,
        signs=(EXPIRED, Line("worker", "leases_expired")),
    ),
)
