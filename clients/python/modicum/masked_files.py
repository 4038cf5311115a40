"""A masked data set as files: one `.npz`, or PNG files in class folders. It is written completely or not at all.

Images are written one at a time, so that memory does not grow with their number.
"""

import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modicum.errors import DataLoss, InvalidArgument, OutputNotWritten
from modicum.masked_sets import Export, MaskedSet
from modicum.pictures import LARGEST_BYTE, scaled
from modicum.resource_names import printable
from modicum.sources import png

ARCHIVE_SUFFIX = ".npz"
MANIFEST = "manifest.json"
UNLABELLED = "unlabelled"
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


def checked_target(path: Path) -> Target:
    """Check before any work that the target can be written, and resolve its symbolic links.

    Raises:
        InvalidArgument: it is neither a file ending in .npz nor a new or empty folder, or it is the current folder, or
            it cannot be written.
        OutputNotWritten: a file cannot have this name.
    """
    archive = path.suffix.lower() == ARCHIVE_SUFFIX
    try:
        found = path.resolve()
        _refuse_what_is_there(path, found, archive=archive)
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


def _refuse_what_is_there(path: Path, found: Path, *, archive: bool) -> None:
    if found.is_dir() and (archive or any(found.iterdir())):
        came = "a folder" if archive else "a folder with files"
        raise InvalidArgument(
            f"output {path}: expected a new or empty folder, or a file ending in {ARCHIVE_SUFFIX}; got {came}"
        )
    if found.exists() and not found.is_dir() and not archive:
        raise InvalidArgument(f"output {path}: expected a folder, or a file ending in {ARCHIVE_SUFFIX}; got a file")
    if found.is_dir() and found == Path.cwd():
        raise InvalidArgument(
            f"output {path}: the current folder cannot be replaced; name a folder in it, for example ./subsets"
        )


@contextmanager
def reporting_disk_errors(target: Target) -> Iterator[None]:
    """Turn errors of the file system into ours.

    Raises:
        OutputNotWritten: the disk is full, or permissions are missing.
    """
    try:
        yield
    except OSError as error:
        raise OutputNotWritten(f"output {target.path}: could not be written: {_reason_of(error)}") from error


def _reason_of(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def refuse_unfit_for_png(target: Target, channels: int) -> None:
    """Refuse PNG files for images that PNG cannot hold.

    Raises:
        InvalidArgument: the images do not have 1 or 3 channels.
    """
    if not target.archive and channels not in png.COLOUR_TYPES:
        raise InvalidArgument(
            f"output {target.path}: PNG files hold 1 or 3 channels, but these images have {channels}; write a "
            f"{ARCHIVE_SUFFIX} file"
        )


def write(target: Target, masked: MaskedSet, canvas: IO[bytes]) -> None:
    """Write the data set. `canvas` is the archive of images that the server sent.

    Raises:
        DataLoss: the archive lacks an image, or is damaged.
        OutputNotWritten: the disk is full, or permissions are missing.
    """
    try:
        with (
            reporting_disk_errors(target),
            zipfile.ZipFile(canvas) as images,
            tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=target.path.parent) as temporary,
        ):
            made = Path(temporary) / target.path.name
            if target.archive:
                _write_archive(made, masked, _Images(images))
            else:
                _write_folder(made, masked, _Images(images))
            made.replace(target.path)  # replaces an empty folder, but not one that has got files meanwhile
    except zipfile.BadZipFile as error:
        raise DataLoss("the server sent a damaged archive of images; try again") from error


class _Images:
    """The images of the archive by digest: float32 (C, H, W)."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def of(self, export: Export) -> NDArray[np.float32]:
        digest = export.finding.image_digest
        try:
            with self._archive.open(f"{digest}.npy") as member:
                image: NDArray[np.float32] = npy.read_array(member, allow_pickle=False)
        except KeyError as error:
            raise DataLoss(
                f"{export.finding.item}: the server no longer has this image ({digest[:12]}); upload the data set again"
            ) from error
        return image


def _write_archive(path: Path, masked: MaskedSet, images: _Images) -> None:
    exports = masked.exports
    canvas = (len(masked.colour), exports[0].subset.height, exports[0].subset.width)
    findings = [export.finding for export in exports]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        painted = (masked.masked(export, images.of(export)) for export in exports)
        _stream(archive, "images", np.dtype("<f4"), (len(exports), *canvas), painted)
        masks = (export.subset.mask for export in exports)
        _stream(archive, "masks", np.dtype(bool), (len(exports), *canvas[1:]), masks)
        for name, values in {
            "labels": np.array([masked.label_of(export) for export in exports], dtype=np.int64),
            "targets": np.array([export.target_class for export in exports], dtype=np.int64),
            "sizes": np.array([export.subset.size for export in exports], dtype=np.int64),
            "items": np.array([finding.item for finding in findings]),
            "image_digests": np.array([finding.image_digest for finding in findings]),
            "classes": np.array(masked.classes, dtype=np.str_),
            "manifest": np.array(_text(masked.manifest)),
        }.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, values, allow_pickle=False)


def _stream(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], rows: Iterable[NDArray[Any]]
) -> None:
    """Write an array row by row."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(member, header)
        for row in rows:
            member.write(np.ascontiguousarray(row, dtype=dtype).tobytes())


def _write_folder(path: Path, masked: MaskedSet, images: _Images) -> None:
    path.mkdir()
    entries = []
    for place, export in enumerate(masked.exports):
        folder = class_folder(masked, masked.label_of(export))
        name = f"{place:06d}-{_safe(Path(export.finding.item).stem)}.png"
        image = masked.masked(export, images.of(export))
        _save(path / "images" / folder / name, scaled(image, masked.input))
        _save(path / "masks" / folder / name, export.subset.mask.astype(np.uint8) * LARGEST_BYTE)
        entries.append({"file": f"{folder}/{name}", **_entry(export)})
    (path / MANIFEST).write_text(_text({**masked.manifest, "entries": entries}) + "\n", encoding="utf-8")


def class_folder(masked: MaskedSet, label: int) -> str:
    """Number and name of a class. The number keeps the folders in the order of the classes."""
    if label < 0:
        return UNLABELLED
    digits = len(str(max(len(masked.classes) - 1, 0)))
    named = masked.classes[label] if label < len(masked.classes) else ""
    return f"{label:0{digits}d}-{_safe(named)}".removesuffix("-")


def _entry(export: Export) -> dict[str, Any]:
    finding = export.finding
    return {
        "item": finding.item,
        "image_digest": finding.image_digest,
        "label": finding.label,
        "target": export.target_class,
        "size": export.subset.size,
    }


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png.encoded(pixels))


def _safe(name: str) -> str:
    return UNSAFE.sub("_", name)[:LONGEST_NAME].strip(".")


def _text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
