"""The file that holds a model, and what a user must say about it. Never opens a model: only the server does."""

from dataclasses import dataclass
from pathlib import Path

from modicum.errors import InvalidArgument, InvalidSource
from modicum.sources.contents import require_file


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that holds a model: `kind` is weights, exported or torchscript; weights have an architecture."""

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
    """The one file that is given, seen to be there; it is not read.

    Raises:
        InvalidArgument: not exactly one is given, or the architecture is missing or of no use.
        InvalidSource: there is no such file, or nothing in it.
    """
    given = {"weights": weights, "exported": exported, "torchscript": torchscript}
    files = {kind: path for kind, path in given.items() if path is not None}
    if len(files) != 1:
        came = f"got {' and '.join(files)}" if files else "got none"
        raise InvalidArgument(f"expected one of weights, exported (.pt2) and torchscript, {came}")
    kind, path = files.popitem()
    if kind == "weights" and not architecture:
        raise InvalidArgument("weights need the name of their architecture, e.g. torchvision:resnet18")
    if kind != "weights" and architecture:
        raise InvalidArgument(f"an architecture belongs to weights; a model given as {kind} brings its own")
    _refuse_absent(Path(path), kind)
    return ModelFile(Path(path), kind, architecture or "")


def _refuse_absent(path: Path, kind: str) -> None:
    require_file(path)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise InvalidSource(f"{kind} {path}: expected a readable file, but: {error.strerror}") from error
    if empty:
        raise InvalidSource(f"{kind} {path}: expected a model, the file is empty")
