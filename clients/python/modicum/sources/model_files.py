"""The file that holds a model, and its architecture. The file is not loaded: only the server does that."""

from dataclasses import dataclass
from pathlib import Path

from modicum.errors import InvalidArgument, InvalidSource
from modicum.sources.contents import require_file


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that holds a model. `kind` is weights, exported or torchscript. Only weights have an architecture."""

    path: Path
    kind: str
    architecture: str


def model_file(
    *,
    weights: str | Path | None = None,
    exported: str | Path | None = None,
    torchscript: str | Path | None = None,
    architecture: str | None = None,
) -> ModelFile:
    """The file that is given.

    Raises:
        InvalidArgument: not exactly one file is given, or the architecture is missing or superfluous.
        InvalidSource: the file cannot be read, or is empty.
    """
    given = {"weights": weights, "exported": exported, "torchscript": torchscript}
    files = {kind: path for kind, path in given.items() if path is not None}
    if len(files) != 1:
        came = f"got {' and '.join(files)}" if files else "got none"
        raise InvalidArgument(f"expected a model: one of weights, exported (.pt2) and torchscript; {came}")
    kind, path = files.popitem()
    if kind == "weights" and not architecture:
        raise InvalidArgument("weights need the name of their architecture, e.g. torchvision:resnet18")
    if kind != "weights" and architecture:
        raise InvalidArgument(f"architecture: only weights take one; remove it, or give weights instead of {kind}")
    _refuse_unreadable(Path(path), kind)
    return ModelFile(Path(path), kind, architecture or "")


def _refuse_unreadable(path: Path, kind: str) -> None:
    require_file(path)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise InvalidSource(f"{kind} {path}: cannot be read: {error.strerror}") from error
    if empty:
        raise InvalidSource(f"{kind} {path}: the file is empty; expected a model")
