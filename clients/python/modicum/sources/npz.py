"""The arrays of an .npz file. Those of Python objects are not read: reading one would run code."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from modicum.errors import InvalidSource
from modicum.sources import npy
from modicum.sources.contents import reason_of

#: What numpy raises for a file that is damaged, encrypted, or not an .npz.
DAMAGED = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
)


def plain_arrays(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Those of the arrays of these names that a file has.

    Raises:
        InvalidSource: the file cannot be read, is damaged, or one of the arrays is of Python objects.
    """
    with _opened(path) as stream:
        try:
            return _arrays(stream, names, path)
        except DAMAGED as error:
            told = error or type(error).__name__
            raise InvalidSource(
                f"{path}: not a valid .npz of plain arrays: {told}; write it again with numpy.savez"
            ) from error


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except PermissionError as error:
        raise InvalidSource(f"{path}: cannot be read: {reason_of(error)}; allow your user to read it") from error
    except OSError as error:
        raise InvalidSource(f"{path}: cannot be read: {reason_of(error)}") from error


def _arrays(stream: BinaryIO, names: Iterable[str], path: Path) -> dict[str, NDArray[Any]]:
    with np.load(stream, allow_pickle=False) as archive:
        found = [name for name in names if name in archive.files]
        for name in found:
            _refuse_objects(archive.zip, name, path)
        return {name: archive[name] for name in found}


def _refuse_objects(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    member = f"{name}.npy"
    if member not in archive.namelist():
        return
    with archive.open(member) as stream:
        _, dtype = npy.header_of(stream)
    if dtype.hasobject:
        how = "numpy.stack(images)" if name == "images" else f"numpy.array({name}.tolist())"
        raise InvalidSource(
            f"{path}: its array {name} holds Python objects, which are not read; save all arrays again with plain "
            f"values, such as {name}={how}"
        )
