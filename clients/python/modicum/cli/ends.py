"""How an audit that a command runs ends: when all images are done, when its limits are settled, or within a budget."""

from dataclasses import dataclass, field

from modicum.cli.budget import Budget, TimeToCut, TimeToStop
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
    """Show the progress of an audit until it ends; end it in two steps when the budget is nearly spent.

    First no new image is started, then what follows the searches is cut.

    Raises:
        AuditNotCompleted: it ended without a result.
    """
    try:
        with budget.bounding_searches():
            watched(audit, shown)
    except TimeToStop:
        shown.say(f"the budget of {budget.text} is nearly spent; only searches that have begun are finished")
        _watched_without_more_images(audit, shown, budget)


def _watched_without_more_images(audit: Audit, shown: View, budget: Budget) -> None:
    try:
        with budget.bounding_scores():
            audit.stop(budget.why)
            watched(audit, shown)
    except TimeToCut:
        shown.say(f"the budget of {budget.text} is nearly spent; unfinished scores are left out")
        audit.stop(budget.why, without_scores=True)
        watched(audit, shown)
