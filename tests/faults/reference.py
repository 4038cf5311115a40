"""The undisturbed run. Disturbed runs are compared with it, and it must show no sign of a fault."""

from collections.abc import Iterable
from time import monotonic

from tests.faults.documents import comparable
from tests.faults.fault import Reference, submitted
from tests.faults.invariants import peak_bytes
from tests.faults.signs import Before, Sign
from tests.faults.stage import SUBJECT, TOKENS, Stage


def undisturbed(stage: Stage, signs: Iterable[Sign]) -> Reference:
    """Run both projects' audits on an undisturbed stage, and check that it shows none of the signs."""
    before, began = Before.of(stage), monotonic()
    audits = {project: submitted(stage, project) for project in TOKENS}
    for audit in audits.values():
        audit.wait()
    seconds = monotonic() - began
    documents = {project: comparable(audit) for project, audit in audits.items()}
    for sign in signs:
        shown = sign.seen(stage, before, audits[SUBJECT].name)
        assert not shown, f"expected a sign that undisturbed audits do not show, got {sign}: {sign!r}"
    peaks = {"api": peak_bytes(stage.api.pid), "worker": peak_bytes(stage.worker.pid)}
    return Reference(documents, seconds, peaks, stage.start_seconds)
