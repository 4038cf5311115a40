"""Why a task failed, in words that a caller may read. Tracebacks go to the log, never into a `Failure`."""

from modicum_sis import errors as sis
from modicum_sis.numerics.out_of_memory import is_out_of_memory

from modicum_server.domain.buildable import install
from modicum_server.generated.worker_pb2 import Failure


class TaskFailure(Exception):
    """A task that ends with a typed reason.

    Args:
        reason: upper case with underscores, e.g. "STATE_DICT_MISMATCH".
        detail: what was expected, what came, what to do; no paths and no text of other systems.
        model_at_fault: whether the version is refused. Otherwise the task may be tried again.
    """

    def __init__(self, reason: str, detail: str, *, model_at_fault: bool) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.model_at_fault = reason, detail, model_at_fault


class ModelRefused(TaskFailure):
    """The version, or one of its files, is at fault."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail, model_at_fault=True)


class TaskCancelled(TaskFailure):
    """The slot has the file `cancel`."""

    def __init__(self) -> None:
        super().__init__("CANCELLED", "the task was cancelled before it ended", model_at_fault=False)


EXTRAS = {
    "efficientnet_lite": "demo",
    "modicum": "worker",
    "onnx": "onnx",
    "timm": "worker",
    "torchvision": "worker",
    "transformers": "hub",
}
"""By family, the extra of modicum-server that brings its package."""


def extra_of(family: str) -> str:
    """Return the extra of modicum-server that brings the package of a family; empty for a family of another package."""
    return EXTRAS.get(family, "")


def package_missing(what: str, error: ImportError, *, usual: str, extra: str) -> TaskFailure:
    """Return the failure of a worker that lacks a package for `what`: its name, or the `usual` one, and the extra."""
    return TaskFailure(
        "ARCHITECTURE_UNAVAILABLE",
        f"{what} need the package {error.name or usual}, which this worker does not have. "
        f"{install(extra)} on the worker",
        model_at_fault=False,  # a worker with the package can load the version
    )


REFUSALS: dict[type[sis.ModelError], str] = {
    sis.CanvasRefused: "INPUT_REFUSED",
    sis.OutputRefused: "OUTPUT_SHAPE",
    sis.OutputNotFinite: "OUTPUT_NOT_FINITE",
    sis.OutputUnsteady: "NOT_DETERMINISTIC",
    sis.GradientMissing: "GRADIENT_MISSING",
}
"""By error of the library, the reason that the caller sees."""
LONGEST_CAUSE = 200  # characters


#: By error of the library, what to do about a model that is served elsewhere. Other models get the library's advice.
SERVED_ELSEWHERE: dict[type[sis.ModelError], str] = {
    sis.OutputNotFinite: "Ask the endpoint for the scores of a grey picture, and look at the model behind it and at "
    "the mean, deviation and bounds of --input",
    sis.OutputUnsteady: "Serve one model, without random parts, behind the endpoint's address, and register it again",
}


def failure_of(error: BaseException, *, served_elsewhere: bool = False) -> Failure:
    """Return the typed failure for any exception. `served_elsewhere`: the model is an endpoint."""
    match error:
        case TaskFailure():
            return Failure(reason=error.reason, detail=error.detail, model_at_fault=error.model_at_fault)
        case sis.CanvasRefused():
            return Failure(reason="INPUT_REFUSED", detail=_refusal_of(error), model_at_fault=True)
        case sis.ModelError():
            detail = _of_endpoint(error) if served_elsewhere else str(error)
            return Failure(reason=REFUSALS.get(type(error), "MODEL_REFUSED"), detail=detail, model_at_fault=True)
        case sis.ParameterError():
            return Failure(reason="SEARCH_REFUSED", detail=str(error), model_at_fault=False)
    if is_out_of_memory(error):
        return Failure(reason="MODEL_OUT_OF_MEMORY", detail=_OUT_OF_MEMORY, model_at_fault=False)
    return Failure(reason="HANDLER_BUG", detail=_BUG, model_at_fault=False)


_OUT_OF_MEMORY = (
    "the model and a batch of masked images do not fit into memory. "
    "Use a worker with more memory, a smaller model or a smaller canvas"
)
_BUG = "the model process has a bug: it raised an unexpected error. The worker's log shows it. Please report it"


def _of_endpoint(error: sis.ModelError) -> str:
    """What is wrong, which is the library's first sentence, and what to do about an endpoint."""
    advice = SERVED_ELSEWHERE.get(type(error))
    return f"{str(error).partition('. ')[0]}. {advice}" if advice else str(error)


def _refusal_of(error: sis.CanvasRefused) -> str:
    return (
        "the model's forward pass failed on a batch of normalised float32 images (B, C, H, W) of the declared input "
        f"size{first_line(error.__cause__)}. Check channels, height and width of the input specification (--input), "
        "and that the model takes such a batch in its own library. Export programs with a dynamic batch dimension"
    )


def first_line(error: BaseException | None) -> str:
    """Return ': ' and the first line of a library's message, or nothing if it is not presentable."""
    line = presentable(str(error)) if error is not None else ""
    return f": {line}" if line else ""


def presentable(text: str) -> str:
    """Return the first line of a foreign text, or nothing if it is long or names a path.

    A line that ends with a colon only announces the next, which is then part of it.
    """
    first, second = [*(line.strip() for line in text.splitlines()[:2]), "", ""][:2]
    line = f"{first} {second}".strip() if first.endswith(":") else first
    return "" if len(line) > LONGEST_CAUSE or "/" in line or "\\" in line else line.rstrip(".")
