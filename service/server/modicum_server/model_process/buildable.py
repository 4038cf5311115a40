"""Prints which architectures can be built here, as JSON: `python -m modicum_server.model_process.buildable`.

A process of its own, because it imports every package that builds architectures.
"""

import contextlib
import logging
import os
import sys
from importlib import metadata, util

from modicum_server.domain.buildable import Family
from modicum_server.domain.documents import FAMILIES
from modicum_server.model_process import onnx_models, transformers_models
from modicum_server.model_process.architectures import ENTRY_POINTS, ArchitectureUnknown
from modicum_server.model_process.failure_reasons import extra_of

NO_NAME = "?"
"""No architecture can be called so: asked for it, a family says which names it has."""
MOST_NAMES = 10_000
LEAST_URGENT = 19

log = logging.getLogger(__name__)


def buildable() -> dict[str, Family]:
    """Return the families of the entry points, and those that need none, with their names."""
    families = {point.name: _of_point(point) for point in metadata.entry_points(group=ENTRY_POINTS)}
    return families | {transformers_models.GROUP: _of_transformers(), onnx_models.GROUP: _of_onnx()}


def _of_point(point: metadata.EntryPoint) -> Family:
    try:
        point.load()(NO_NAME, 2)
    except ArchitectureUnknown as error:
        told = error.complete and len(error.known) <= MOST_NAMES
        return Family(tuple(sorted(error.known)) if told else None)
    except ImportError as error:
        return _lacking(point.name, error)
    except Exception:
        log.exception("the names of %s could not be found out", point.name)
    return Family()  # a package may build whatever it is asked for


def _of_transformers() -> Family:
    try:
        return Family(tuple(transformers_models.known_types()))
    except ImportError as error:
        return _lacking(transformers_models.GROUP, error)


def _lacking(family: str, error: ImportError) -> Family:
    package = (error.name or family).partition(".")[0]
    return Family(lacks=package, extra=extra_of(family))


def _of_onnx() -> Family:
    missing = [package for package in ("onnx", "onnxruntime") if util.find_spec(package) is None]
    if missing:
        return Family(lacks=missing[0], extra=extra_of(onnx_models.GROUP))
    return Family((onnx_models.NAME,))


def main() -> None:
    """Print the families, and nothing else that a package may print."""
    os.nice(LEAST_URGENT)
    with contextlib.redirect_stdout(sys.stderr):
        families = buildable()
    sys.stdout.buffer.write(FAMILIES.dump_json(families))


if __name__ == "__main__":
    main()
