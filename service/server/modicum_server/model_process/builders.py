"""What goes wrong in a package that builds architectures, in words for the person who wrote it."""

import logging
import traceback
from importlib import metadata
from pathlib import Path

import torch
from modicum_sis.numerics.out_of_memory import is_out_of_memory
from torch import nn

from modicum_server.model_process.failure_reasons import ModelRefused, first_line

log = logging.getLogger(__name__)
OUR_OWN = Path(__file__).parent
LOADER = Path(metadata.__file__).parent
"""Where the code lies that loads entry points."""


class BuilderFailed(ModelRefused):
    """A package's `build` raised an error of its own, or returned something else than a module."""

    def __init__(self, detail: str) -> None:
        super().__init__("MODEL_REFUSED", detail)


def builder_failure(architecture: str, error: Exception) -> Exception:
    """Return the refusal for what `build` raised, and write it to the log; lack of memory is returned as it is."""
    if is_out_of_memory(error):
        return error
    if torch.get_default_device().type != "meta":  # there it is only a try, and another follows
        log.warning("%s could not be built", architecture, exc_info=error)
    return BuilderFailed(
        f"the package that builds {architecture} raised {type(error).__name__}{first_line(error)}{_place(error)}"
    )


def loading_failure(point: metadata.EntryPoint, error: Exception) -> BuilderFailed:
    """Return the refusal for an entry point that cannot be loaded, and write it to the log."""
    log.warning("the entry point %s could not be loaded", point.name, exc_info=error)
    package = f"the package {point.dist.name} {point.dist.version}" if point.dist else "a package"
    return BuilderFailed(
        f"{package} adds {point.name}:NAME by the entry point {point.value}, which cannot be loaded: "
        f"{type(error).__name__}{first_line(error)}{_place(error)}. Correct the package, install it again where "
        "workers run, and restart them"
    )


def require_module(built: object, architecture: str) -> nn.Module:
    """Return what was built.

    Raises:
        BuilderFailed: it is no module.
    """
    if not isinstance(built, nn.Module):
        raise BuilderFailed(f"{architecture}: build returned {type(built).__name__}; expected a torch.nn.Module")
    return built


def _place(error: Exception) -> str:
    """Return the innermost line of the package's own file, or nothing where none of its lines ran."""
    files = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_file()]
    foreign = [frame for frame in files if Path(frame.filename).parent not in {OUR_OWN, LOADER, LOADER.parent}]
    own = [frame for frame in foreign if frame.filename == foreign[0].filename]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
