"""The undisturbed run: what every disturbed one is compared with."""

from time import monotonic

from tests.faults.documents import comparable
from tests.faults.fault import Reference, submitted
from tests.faults.invariants import peak_bytes
from tests.faults.stage import TOKENS, Stage


def undisturbed(stage: Stage) -> Reference:
    """Run both projects' audits on a stage that nothing happens to."""
    began = monotonic()
    audits = {project: submitted(stage, project) for project in TOKENS}
    for audit in audits.values():
        audit.wait()
    seconds = monotonic() - began
    documents = {project: comparable(audit) for project, audit in audits.items()}
    return Reference(documents, seconds, {"api": peak_bytes(stage.api.pid), "worker": peak_bytes(stage.worker.pid)})
