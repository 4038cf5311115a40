"""Whether the model is right no more often than guessing, in a sentence that says what to check first."""

from modicum_server.measures.accuracy import accuracy
from modicum_server.measures.nothing_eligible import LOOK
from modicum_server.measures.observations import Observations


def doubt(seen: Observations, classes: int) -> list[str]:
    """Return the sentence where the upper end of the accuracy's interval is at or below one in the number of classes.

    `classes` is that number; 0 where it is not known. No sentence where no image is eligible, because the advice about
    that names the same checks.
    """
    interval = accuracy(seen)["accuracy"].interval
    if classes <= 1 or interval is None or interval.high is None or not seen.eligible.any():
        return []
    if interval.high > 1 / classes:
        return []
    right, labelled = int(seen.correct[seen.labelled].sum()), int(seen.labelled.sum())
    return [
        (
            f"The model is right on {right:,} of {labelled:,} labelled images, no better than guessing. Check --input "
            "(size, mean, std, bounds) and the order of the names in --class-labels first; until then the "
            f"figures below say little. {LOOK}"
        )
    ]
