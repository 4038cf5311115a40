"""Where an export is written, completely or not at all, and what its files are made of: images of the canvas, PNGs.

Images are read one at a time, so that memory does not grow with their number.
"""

import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modicum.errors import DataLoss, InvalidArgument, OutputNotWritten
from modicum.findings import Finding
from modicum.replaced_files import refusing_writes
from modicum.resource_names import printable
from modicum.sources import png

ARCHIVE_SUFFIX = ".npz"
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
#: Prefix of the temporary folder, beside the output, in which the output is made.
TEMPORARY_PREFIX = ".modicum-"
#: Characters of an item's name that its file's name keeps: most file systems take 255 bytes.
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Target:
    """Where to write: a folder, or an archive."""

    path: Path
    archive: bool


def checked_target(path: Path, *, folder_only: bool = False) -> Target:
    """Check before any work that the target can be written, and resolve its symbolic links.

    Raises:
        InvalidArgument: it is not a new or empty folder, nor a file ending in .npz where that will do; or it is the
            current folder, or it cannot be written.
        OutputNotWritten: a file cannot have this name.
    """
    archive = path.suffix.lower() == ARCHIVE_SUFFIX
    expected = "a new or empty folder" + ("" if folder_only else f", or a file ending in {ARCHIVE_SUFFIX}")
    if archive and folder_only:
        raise InvalidArgument(f"output {path}: expected {expected}, got a name that ends in {ARCHIVE_SUFFIX}")
    try:
        found = path.resolve()
        _refuse_what_is_there(path, found, expected, archive=archive)
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL; RuntimeError: links in a circle
        raise OutputNotWritten(f"output {printable(str(path))}: cannot be written: {_reason_of(error)}") from error
    folder = found.parent
    if not folder.is_dir():
        raise InvalidArgument(f"output {path}: its folder does not exist; create {folder} first")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InvalidArgument(f"output {path}: its folder cannot be written: {error.strerror}") from error
    return Target(found, archive)


def _refuse_what_is_there(path: Path, found: Path, expected: str, *, archive: bool) -> None:
    if found.is_dir() and (archive or any(found.iterdir())):
        came = "a folder" if archive else "a folder with files"
        raise InvalidArgument(f"output {path}: expected {expected}; got {came}")
    if found.exists() and not found.is_dir() and not archive:
        raise InvalidArgument(f"output {path}: expected {expected}; got a file")
    if found.is_dir() and found == Path.cwd():
        raise InvalidArgument(
            f"output {path}: the current folder cannot be replaced; name a folder in it, for example ./subsets"
        )


def _reason_of(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def refuse_unfit_for_png(target: Target, channels: int) -> None:
    """Refuse PNG files for images that PNG cannot hold.

    Raises:
        InvalidArgument: the images do not have 1 or 3 channels.
    """
    if not target.archive and channels not in png.COLOUR_TYPES:
        raise InvalidArgument(
            f"output {target.path}: PNG files hold 1 or 3 channels, but these images have {channels}; export-subsets "
            f"can write them to a {ARCHIVE_SUFFIX} file"
        )


class CanvasImages:
    """The images of the archive by digest: float32 (C, H, W)."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def of(self, finding: Finding) -> NDArray[np.float32]:
        """The image of a finding.

        Raises:
            DataLoss: the archive lacks it.
        """
        digest = finding.image_digest
        try:
            with self._archive.open(f"{digest}.npy") as member:
                image: NDArray[np.float32] = npy.read_array(member, allow_pickle=False)
        except KeyError as error:
            raise DataLoss(
                f"{finding.item}: the server no longer has this image ({digest[:12]}); upload the data set again"
            ) from error
        return image


@contextmanager
def written(target: Target, canvas: IO[bytes]) -> Iterator[tuple[Path, CanvasImages]]:
    """Yield where to write, and the images that the server sent. What was written becomes the output at the end.

    Raises:
        DataLoss: the archive of images is damaged.
        OutputNotWritten: the disk is full, or permissions are missing.
    """
    try:
        with (
            refusing_writes(target.path),
            zipfile.ZipFile(canvas) as images,
            tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=target.path.parent) as temporary,
        ):
            made = Path(temporary) / target.path.name
            yield made, CanvasImages(images)
            made.replace(target.path)  # replaces an empty folder, but not one that has got files meanwhile
    except zipfile.BadZipFile as error:
        raise DataLoss("the server sent a damaged archive of images; try again") from error


def save_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture, (H, W) or (H, W, C), and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png.encoded(pixels))


def safe_name(name: str) -> str:
    """A name for a file: as much of `name` as every file system takes."""
    return UNSAFE.sub("_", name)[:LONGEST_NAME].strip(".")


def picture_name(place: int, item: str) -> str:
    """The name of the PNG of an item, which keeps the order of the findings."""
    return f"{place:06d}-{safe_name(Path(item).stem)}.png"
