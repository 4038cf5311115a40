"""Accuracy on the whole images that have a label.

Every labelled image with a prediction counts, also one that failed later, for example because its fill could not be
made. Images that failed before are left out: they are unreadable, or the model died on them or gave NaN.
"""

from modicum_server.domain.searches import TargetRule
from modicum_server.measures.by_class import by_class
from modicum_server.measures.measure import Measure, Measured, share
from modicum_server.measures.measure_sets import MeasureSet, Place, Title
from modicum_server.measures.observations import Booleans, Observations


def accuracy(seen: Observations) -> Measured:
    """Return `accuracy`: the share of correct predictions, over the labelled images with a prediction.

    Its groups are by predicted class. A search for a random other class has no groups, because it is shown by that
    class.
    """

    def correct(where: Booleans) -> Measure:
        return share(seen.correct[where], level=seen.level, empty="no image with a label was scored")

    if seen.search.target_rule is not TargetRule.PREDICTED:
        return {"accuracy": correct(seen.labelled)}
    return {"accuracy": by_class(correct, seen.labelled, seen.predicted)}


MEASURE_SET = MeasureSet(accuracy, {"accuracy": Title("Accuracy", Place.HEADLINE)})
