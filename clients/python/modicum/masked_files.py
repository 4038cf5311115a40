"""A masked data set as files: one `.npz`, or a folder of PNGs in class folders. Written whole or not at all.

Images pass by one at a time, so that memory does not grow with their number.
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
from modicum.masked_sets import MaskedSet, Specimen
from modicum.naming import printable
from modicum.sources import png

ARCHIVE_SUFFIX = ".npz"
MANIFEST = "manifest.json"
UNLABELLED = "unlabelled"
LARGEST_BYTE = 255
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
ROOM_PREFIX = ".modicum-"
"""Of the folder beside the output in which it is made: the output's own name may be as long as names can be."""
LONGEST_NAME = 80
"""Characters of an item's name that a file's keeps: 255 bytes are all that most file systems take."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to write: a folder, or an archive."""

    path: Path
    archive: bool


def checked_target(path: Path) -> Target:
    """The target, links in its path followed, seen to be writable before any work.

    Raises:
        InvalidArgument: it is neither a file ending in .npz nor a folder that is new or empty, or is the folder in
            which the program runs, or cannot be written.
        OutputNotWritten: no file can have this name.
    """
    archive = path.suffix.lower() == ARCHIVE_SUFFIX
    try:
        found = path.resolve()
        _refuse_what_is_there(path, found, archive=archive)
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL; RuntimeError: links in a circle
        raise OutputNotWritten(f"output {printable(str(path))}: it cannot be written: {_reason_of(error)}") from error
    folder = found.parent
    if not folder.is_dir():
        raise InvalidArgument(f"output {path}: expected its folder to exist; create {folder} first")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InvalidArgument(f"output {path}: expected a folder that may be written, but: {error.strerror}") from error
    return Target(found, archive)


def _refuse_what_is_there(path: Path, found: Path, *, archive: bool) -> None:
    if found.is_dir() and (archive or any(found.iterdir())):
        raise InvalidArgument(f"output {path}: expected a new or empty folder, or a file ending in {ARCHIVE_SUFFIX}")
    if found.exists() and not found.is_dir() and not archive:
        raise InvalidArgument(f"output {path}: expected a folder, or a file ending in {ARCHIVE_SUFFIX}; got a file")
    if found.is_dir() and found == Path.cwd():
        raise InvalidArgument(
            f"output {path}: expected another folder than the one that you are in, in whose place a new one is put; "
            "name one in it, as ./subsets"
        )


@contextmanager
def told_by_the_disk(target: Target) -> Iterator[None]:
    """What a disk does not allow, in our words.

    Raises:
        OutputNotWritten
    """
    try:
        yield
    except OSError as error:
        raise OutputNotWritten(f"output {target.path}: it could not be written: {_reason_of(error)}") from error


def _reason_of(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def refuse_what_no_png_holds(target: Target, channels: int) -> None:
    """Refuse a folder of PNGs for images that are no pictures.

    Raises:
        InvalidArgument: they have other than 1 or 3 channels.
    """
    if not target.archive and channels not in png.COLOUR_TYPES:
        raise InvalidArgument(
            f"output {target.path}: a PNG has 1 or 3 channels, these images have {channels}; write a {ARCHIVE_SUFFIX}"
        )


def write(target: Target, masked: MaskedSet, canvas: IO[bytes]) -> None:
    """Write the set; `canvas` is the server's archive of images on the canvas.

    Raises:
        DataLoss: the archive lacks an image, or cannot be read.
        OutputNotWritten: the disk, or its rights, do not allow it.
    """
    try:
        with (
            told_by_the_disk(target),
            zipfile.ZipFile(canvas) as images,
            tempfile.TemporaryDirectory(prefix=ROOM_PREFIX, dir=target.path.parent) as room,
        ):
            made = Path(room) / target.path.name
            if target.archive:
                _write_archive(made, masked, _Images(images))
            else:
                _write_folder(made, masked, _Images(images))
            made.replace(target.path)  # an empty folder gives way, one in which something came to be does not
    except zipfile.BadZipFile as error:
        raise DataLoss("the images came in an archive that cannot be read; ask again") from error


class _Images:
    """Images on the canvas, float32 (C, H, W), by digest."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def of(self, specimen: Specimen) -> NDArray[np.float32]:
        digest = specimen.finding.image_digest
        try:
            with self._archive.open(f"{digest}.npy") as member:
                image: NDArray[np.float32] = npy.read_array(member, allow_pickle=False)
        except KeyError as error:
            raise DataLoss(
                f"{specimen.finding.item}: the server no longer has this image ({digest[:12]}); upload its data again"
            ) from error
        return image


def _write_archive(path: Path, masked: MaskedSet, images: _Images) -> None:
    specimens = masked.specimens
    canvas = (len(masked.colour), specimens[0].subset.height, specimens[0].subset.width)
    findings = [specimen.finding for specimen in specimens]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        painted = (masked.masked(specimen, images.of(specimen)) for specimen in specimens)
        _stream(archive, "images", np.dtype("<f4"), (len(specimens), *canvas), painted)
        masks = (specimen.subset.mask for specimen in specimens)
        _stream(archive, "masks", np.dtype(bool), (len(specimens), *canvas[1:]), masks)
        for name, values in {
            "labels": np.array([masked.label_of(specimen) for specimen in specimens], dtype=np.int64),
            "targets": np.array([finding.target_class for finding in findings], dtype=np.int64),
            "sizes": np.array([specimen.subset.size for specimen in specimens], dtype=np.int64),
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
    """An array of that shape, row by row."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(member, header)
        for row in rows:
            member.write(np.ascontiguousarray(row, dtype=dtype).tobytes())


def _write_folder(path: Path, masked: MaskedSet, images: _Images) -> None:
    path.mkdir()
    entries = []
    for place, specimen in enumerate(masked.specimens):
        folder = class_folder(masked, masked.label_of(specimen))
        name = f"{place:06d}-{_safe(Path(specimen.finding.item).stem)}.png"
        image = masked.masked(specimen, images.of(specimen))
        _save(path / "images" / folder / name, bytes_of(image, masked))
        _save(path / "masks" / folder / name, specimen.subset.mask.astype(np.uint8) * LARGEST_BYTE)
        entries.append({"file": f"{folder}/{name}", **_entry(specimen)})
    (path / MANIFEST).write_text(_text({**masked.manifest, "entries": entries}) + "\n", encoding="utf-8")


def class_folder(masked: MaskedSet, label: int) -> str:
    """Number and name of a class, so that folders in alphabetical order are classes in theirs."""
    if label < 0:
        return UNLABELLED
    digits = len(str(max(len(masked.classes) - 1, 0)))
    named = masked.classes[label] if label < len(masked.classes) else ""
    return f"{label:0{digits}d}-{_safe(named)}".removesuffix("-")


def bytes_of(image: NDArray[np.float32], masked: MaskedSet) -> NDArray[np.uint8]:
    """The image (C, H, W) as (H, W, C) in 8 bits, the bounds as 0 and 255."""
    low, high = masked.input.lower_bound, masked.input.upper_bound
    scaled = np.rint((image.astype(np.float64) - low) / (high - low) * LARGEST_BYTE)
    pixels: NDArray[np.uint8] = np.clip(scaled, 0, LARGEST_BYTE).astype(np.uint8).transpose(1, 2, 0)
    return pixels


def _entry(specimen: Specimen) -> dict[str, Any]:
    finding = specimen.finding
    return {
        "item": finding.item,
        "image_digest": finding.image_digest,
        "label": finding.label,
        "target": finding.target_class,
        "size": specimen.subset.size,
    }


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png.encoded(pixels))


def _safe(name: str) -> str:
    return UNSAFE.sub("_", name)[:LONGEST_NAME].strip(".")


def _text(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
