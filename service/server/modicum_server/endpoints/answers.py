"""What an endpoint answers, translated: descriptions of models, scores, and failures in words that any caller may read.

A message of the endpoint itself is never passed on, because it may tell secrets.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.endpoints import Description, Tensor
from modicum_server.model_server import TaskFailed

REFUSED = "ENDPOINT_REFUSED"
UNREACHABLE = "ENDPOINT_UNREACHABLE"
ANSWER_INVALID = "ENDPOINT_ANSWER_INVALID"
DRIFTED = "ENDPOINT_DRIFTED"
UNKNOWN = "ENDPOINT_UNKNOWN"

#: Statuses of HTTP and gRPC with which a server says that it, or its model, could not compute a request.
FAILED = frozenset({"400", "422", "500", "INTERNAL", "INVALID_ARGUMENT", "UNKNOWN"})
TAKEN = "FP32"
GIVEN: Mapping[str, np.dtype[np.floating]] = {"FP32": np.dtype("<f4"), "FP64": np.dtype("<f8")}
INPUT_AXES, OUTPUT_AXES = 4, 2

Scores = NDArray[np.float32]


class Busy(Exception):
    """The endpoint could not be reached, or asks to try again later. `seconds`: how long it wants us to wait."""

    def __init__(self, what: str, seconds: float = 0.0) -> None:
        super().__init__(what)
        self.seconds = seconds


class NotReady(Busy):
    """The endpoint says that its model is not ready, for example because it is loading."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__("it says that its model is not ready", seconds)


class EndpointRefused(TaskFailed):
    """The endpoint does not take our requests. `status`: its number in HTTP, or its name in gRPC."""

    def __init__(self, what: str, status: str) -> None:
        advice = ". The log of the model's server says why: mend the model or the server" if status in FAILED else ""
        super().__init__(REFUSED, f"the endpoint refused a request: {what}{advice}", model_at_fault=True)
        self.status = status


def invalid(what: str) -> TaskFailed:
    """Return the failure of an endpoint whose answer does not fit."""
    return TaskFailed(ANSWER_INVALID, f"the answer of the endpoint cannot be used: {what}", model_at_fault=True)


def classifier_tensors(description: Description) -> tuple[Tensor, Tensor]:
    """Return the input and the output of an image classifier.

    Raises:
        TaskFailed: ENDPOINT_ANSWER_INVALID: it has another number of them, or others.
    """
    if not description.inputs and not description.outputs:
        raise invalid(
            "it describes no inputs and no outputs. Serve a model that names its tensors, their types and shapes. "
            "A model of KServe does that with get_input_types and get_output_types"
        )
    if len(description.inputs) != 1 or len(description.outputs) != 1:
        raise invalid(
            f"expected a model with one input and one output; it has {len(description.inputs)} and "
            f"{len(description.outputs)}. Serve a model that takes images and gives one row of scores for each"
        )
    taken, given = description.inputs[0], description.outputs[0]
    if taken.datatype != TAKEN or len(taken.shape) != INPUT_AXES:
        raise invalid(
            f"expected an input of type {TAKEN} with {INPUT_AXES} axes (images, channels, height, width); it is "
            f"{_shown(taken)}. Serve a model that takes such images, already normalised"
        )
    if taken.shape[0] > 1:
        raise invalid(f"expected a batch of any size, or of one image; its input is {_shown(taken)}")
    if given.datatype not in GIVEN or len(given.shape) != OUTPUT_AXES:
        raise invalid(f"expected an output of type FP32 or FP64 with axes (images, classes); it is {_shown(given)}")
    if given.shape[1] == 1:
        raise _one_class(list(given.shape))
    return taken, given


def checked_scores(values: NDArray[np.floating], shape: Iterable[int], images: int) -> Scores:
    """Return the scores (N, K) of a batch; they may hold NaN, which the model's process reports.

    Raises:
        TaskFailed: ENDPOINT_ANSWER_INVALID: the shape is another, or does not fit the values.
    """
    told = tuple(shape)
    if told == (images, 1):
        raise _one_class(list(told))
    if len(told) != OUTPUT_AXES or told[0] != images or told[1] < 1 or values.size != told[0] * told[1]:
        raise invalid(
            f"expected scores of shape ({images}, classes); got shape {told} with {values.size} values. "
            "Serve a model that returns one row of scores for each image"
        )
    with np.errstate(over="ignore"):
        return values.reshape(told).astype("<f4")


def refuse_other_canvas(taken: Sequence[int], given: Sequence[int]) -> None:
    """Refuse images of another size than the endpoint says that it takes; -1 is any.

    Raises:
        TaskFailed: INPUT_REFUSED.
    """
    if all(one in {-1, other} for one, other in zip(taken, given, strict=True)):
        return
    said, came = ("x".join(map(str, sizes)) for sizes in (taken, given))
    last = given[0] not in {taken[0], -1} and taken[-1] == given[0]
    advice = (
        "It seems that channels come last there, which no --input can give. Serve a model that takes (images, "
        "channels, height, width)"
        if last
        else "Give the right input specification (--input)"
    )
    raise TaskFailed(
        "INPUT_REFUSED",
        f"the endpoint takes images of {said} (channels, height, width; -1 is any), but the version's input gives "
        f"{came}. {advice}",
        model_at_fault=True,
    )


def dtype_of(datatype: str) -> np.dtype[np.floating]:
    """Return the type of an output's values.

    Raises:
        TaskFailed: ENDPOINT_ANSWER_INVALID: it is another one.
    """
    if datatype not in GIVEN:
        raise invalid(f"expected an output of type FP32 or FP64; got {datatype[:20]!r}")
    return GIVEN[datatype]


def _one_class(shape: Sequence[int]) -> TaskFailed:
    return invalid(
        f"expected a row of scores for at least two classes; its output has shape {shape}. If it is a logit, serve a "
        "model that returns 0 and the logit"
    )


def _shown(tensor: Tensor) -> str:
    return f"{tensor.datatype[:20]} of shape {list(tensor.shape[:8])}"
