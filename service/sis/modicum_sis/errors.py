"""The errors of the library, one tree. Each docstring is the default message; none knows a transport.

SisError
├── ParameterError          an argument of ours is outside its range
├── ImageError              the images do not fit the request
│   ├── CanvasMismatch
│   └── OutOfBounds
├── FillUnavailable         the fill cannot be made from what was given
├── FindingsFileRefused     a file that save_findings did not write, or that was damaged since
├── ContractBroken          a search of the caller's own does not do what Search.propose says
└── ModelError              the module is no classifier that can be audited
    ├── CanvasRefused
    ├── OutputRefused
    ├── OutputNotFinite
    ├── OutputUnsteady
    └── GradientMissing     fit for searches that need no gradient
"""


class SisError(Exception):
    """The search for sufficient input subsets failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class ParameterError(SisError, ValueError):
    """A parameter is outside its range."""


class ImageError(SisError, ValueError):
    """The images do not fit the request."""


class CanvasMismatch(ImageError):
    """An image does not have the shape of the canvas."""


class OutOfBounds(ImageError):
    """An image has values outside the declared bounds."""


class FillUnavailable(SisError):
    """The fill cannot be made from what was given."""


class FindingsFileRefused(SisError, ValueError):
    """Expected a file that save_findings wrote; this is another's, or damaged. Search anew, or give the right one."""


class ContractBroken(SisError, RuntimeError):
    """The search does not do what Search.propose says."""


class ModelError(SisError):
    """The module is no classifier that can be audited."""


class CanvasRefused(ModelError):
    """The module does not take an image of this canvas."""


class OutputRefused(ModelError):
    """The module's output is not one row of class scores an image."""


class OutputNotFinite(ModelError):
    """The module's output holds NaN or infinity."""


class OutputUnsteady(ModelError):
    """Two passes over the same image disagree."""


class GradientMissing(ModelError):
    """The search cannot do without gradients, and the module has none."""
