"""Accuracy on the whole images, where labels are given. Failed images have no prediction and are not counted."""

from modicum_server.measures.measure import Measured, share
from modicum_server.measures.observations import Observations


def accuracy(seen: Observations) -> Measured:
    """Return `accuracy`: of the labelled images with a prediction, the share that is correct."""
    return {"accuracy": share(seen.correct[seen.labelled], empty="no image with a label was scored")}
