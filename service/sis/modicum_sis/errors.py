"""The errors of the library, as one tree. Each docstring is the default message.

SisError
├── ParameterError          an argument is outside its range
├── ImageError              the images do not fit the request
│   ├── CanvasMismatch
│   └── OutOfBounds
├── FillUnavailable         the fill cannot be made from the given images
├── FindingsFileRefused     save_findings did not write the file, or the file was damaged later
├── ContractBroken          a caller's own search does not follow Search.propose
└── ModelError              the module cannot be audited as a classifier
    ├── CanvasRefused
    ├── OutputRefused
    ├── OutputNotFinite
    ├── OutputUnsteady
    └── GradientMissing     searches that need no gradient still work
"""


def _message_of(docstring: str) -> str:
    """A docstring as a message: these begin with a small letter and end without a full stop."""
    text = docstring.strip().removesuffix(".")
    return text[:1].lower() + text[1:]


class SisError(Exception):
    """The search for sufficient input subsets failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or _message_of(type(self).__doc__ or ""))


class ParameterError(SisError, ValueError):
    """A parameter is outside its range."""


class ImageError(SisError, ValueError):
    """The images do not fit the request."""


class CanvasMismatch(ImageError):
    """An image does not have the shape of the canvas."""


class OutOfBounds(ImageError):
    """An image has values outside the declared bounds."""


class FillUnavailable(SisError):
    """The fill cannot be made from the given images."""


class FindingsFileRefused(SisError, ValueError):
    """This is not a file that save_findings wrote, or it is damaged. Give the right file, or search again."""


class ContractBroken(SisError, RuntimeError):
    """The search does not follow the contract of Search.propose."""


class ModelError(SisError):
    """The module cannot be audited as a classifier."""


class CanvasRefused(ModelError):
    """The module does not accept images of this shape."""


class OutputRefused(ModelError):
    """The module's output is not one row of class scores for each image."""


class OutputNotFinite(ModelError):
    """The module's output contains NaN or infinity."""


class OutputUnsteady(ModelError):
    """Two passes over the same image give different scores."""


class GradientMissing(ModelError):
    """The search needs gradients, and the module has none."""
