"""How an audit that a command runs ends: when all images are done, when its limits are settled, or within a budget."""

from dataclasses import dataclass, field

from modicum.cli.budget import Budget, TimeToStop
from modicum.cli.progress import View
from modicum.cli.watching import watched
from modicum.client import Audit
from modicum.gate.stopping import Stopping


@dataclass(frozen=True, slots=True)
class Ends:
    """What may end an audit before all its images are done; nothing by default."""

    stopping: Stopping | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def asked(self) -> Stopping | None:
        """What the audit is created with: a budget needs an audit that can be stopped."""
        return Stopping() if self.stopping is None and self.budget.limited else self.stopping


def watched_to_its_end(audit: Audit, shown: View, budget: Budget) -> None:
    """Show the progress of an audit until it ends; stop its searches when the budget is nearly spent.

    Raises:
        AuditNotCompleted: it ended without a result.
    """
    budget.doing = "the audit ran"
    try:
        with budget.bounding_searches():
            watched(audit, shown)
    except TimeToStop:
        shown.say(f"the budget of {budget.text} is nearly spent: searches that have begun are finished")
        audit.stop(budget.why)
        watched(audit, shown)
