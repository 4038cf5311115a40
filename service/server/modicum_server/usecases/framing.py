"""How image files become the canvas of an audit: once for all its versions, so that they see the same photograph."""

from collections.abc import Sequence

from modicum_server.domain.models import Ensemble, InputDropout, InputSpecification, ModelVersion
from modicum_server.domain.searches import Canvas


def framing_of(canvas: Canvas, versions: Sequence[ModelVersion]) -> InputSpecification | None:
    """Return the input specification of the first version whose input is the canvas, else of the first that has one.

    `versions` stand in the audit's order. None when none has an input of its own.
    """
    inputs = [version.input for version in versions if version.input is not None]
    own = [given for given in inputs if (given.height, given.width) == (canvas.height, canvas.width)]
    return next(iter((*own, *inputs)), None)


def first_part(version: ModelVersion) -> str:
    """Return the name of a version's first part: one without an input of its own has parts, and takes the first's."""
    match version.source:
        case Ensemble(members=members):
            return members[0]
        case InputDropout(member=member):
            return member
    raise ValueError(f"expected {version.name} to have an input of its own or parts")
