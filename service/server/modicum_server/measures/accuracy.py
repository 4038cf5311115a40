"""Accuracy on the whole images, where labels are given.

Counted is every labelled image with a prediction, also one that failed later, as where its fill could not be made. What
failed before that is left out: images that are unreadable, or on which the model died or was not finite.
"""

from modicum_server.domain.searches import TargetRule
from modicum_server.measures.by_class import by_class
from modicum_server.measures.families import Family, Place, Title
from modicum_server.measures.measure import Measure, Measured, share
from modicum_server.measures.observations import Booleans, Observations


def accuracy(seen: Observations) -> Measured:
    """Return `accuracy`: of the labelled images with a prediction, the share that is correct.

    Its groups are by predicted class; a search for a random other class, which is shown by that class, has none.
    """

    def correct(where: Booleans) -> Measure:
        return share(seen.correct[where], level=seen.level, empty="no image with a label was scored")

    if seen.search.target_rule is not TargetRule.PREDICTED:
        return {"accuracy": correct(seen.labelled)}
    return {"accuracy": by_class(correct, seen.labelled, seen.predicted)}


FAMILY = Family(accuracy, {"accuracy": Title("Accuracy", Place.HEADLINE)})
