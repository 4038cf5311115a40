"""What a user audits: a folder of class folders, a flat folder, a CSV, an .npz; as pictures that can be opened.

Arrays (.npy) stand beside pictures everywhere: images of any number of channels. Nothing is decoded here but an array's
header: what is broken becomes a finding with a reason, which only the server can tell.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum.errors import InvalidSource
from modicum.naming import printable
from modicum.sources import npy, png
from modicum.sources.contents import Content, file_content, made_content, require_file
from modicum.sources.labels import picture_labels
from modicum.sources.places import refuse_links_out

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff", npy.SUFFIX})
LABELS_FILE = "labels.csv"
#: What numpy raises over a file that is damaged, locked, or not an .npz at all.
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


@dataclass(frozen=True, slots=True)
class Objects:
    """Where a picture's objects are: `kind` is "boxes" (a JSON list) or "mask" (a picture), as in the manifest."""

    kind: str
    content: Callable[[], Content] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, or array, on disk.

    `item` is its id in the data set, `label` a class name, an index in digits, or empty; `channels` are an array's,
    None for a picture (which becomes grey or RGB as the input asks) and for an array that cannot be read; `objects` are
    None where nothing is told of them.
    """

    item: str
    label: str
    content: Callable[[], Content] = field(repr=False)
    channels: int | None = None
    objects: Objects | None = None


def pictures(source: str | Path, labels: str | Path | None = None) -> list[Picture]:
    """The pictures of `source`, in the order of their items.

    - a folder of folders: each folder's name is the label of what lies in it;
    - a flat folder: labels from `labels` (a CSV of file,label), or from a labels.csv in it, or none;
    - a .csv file: the files that it names, relative to its folder;
    - an .npz file: `images` (N, H, W) or (N, H, W, C), uint8, uint16 or float32, and optionally `labels` (N,) and
      `classes`.

    Files are pictures, or .npy arrays (H, W) or (H, W, C) of the same kinds. They lie in the folder: a link to a file
    in it is a file, one that leads out of it is refused, and a link to a folder is not entered.

    Raises:
        InvalidSource: there is no picture, one lies outside of the folder, the labels do not fit, or an array is of
            another kind or shape.
    """
    path = Path(source)
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return _folder(path, Path(labels) if labels else None)
    if not mode:
        raise InvalidSource(f"{path}: expected a folder of pictures, a .csv or an .npz; there is nothing of that name")
    require_file(path)
    if labels is not None:
        raise InvalidSource(f"{path}: labels beside it are for a flat folder; this file brings its own")
    if path.suffix.lower() == ".csv":
        return _listed(path.parent, picture_labels(path), path)
    if path.suffix.lower() == ".npz":
        return _arrays(path)
    raise InvalidSource(f"{path}: expected a folder of pictures, a .csv or an .npz")


def _mode(path: Path) -> int:
    """What kind of file it is, by `stat`; 0 where there is none, or can be none of such a name."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _folder(folder: Path, labels: Path | None) -> list[Picture]:
    found = sorted(_walk(folder), key=lambda path: path.as_posix())
    if not found:
        raise InvalidSource(f"{folder}: expected pictures ({' '.join(sorted(SUFFIXES))}) in it, found none")
    refuse_links_out(folder, (path for path in found if (folder / path).is_symlink()))
    flat = [path for path in found if len(path.parts) == 1]
    labels = labels or (folder / LABELS_FILE if (folder / LABELS_FILE).is_file() else None)
    if labels:
        return _labelled(folder, found, picture_labels(labels), labels)
    if flat and len(flat) < len(found):
        raise InvalidSource(
            f"{folder}: expected either class folders or a flat folder, found {len(flat)} pictures beside folders; "
            "move them into class folders, or give a CSV of file,label"
        )
    return [_picture(folder, path, "" if flat else path.parts[0]) for path in found]


def _walk(folder: Path) -> Iterator[Path]:
    """Pictures under `folder`, relative to it; hidden files and folders are left out."""
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield _named((Path(place) / name).relative_to(folder), folder)


def _named(path: Path, folder: Path) -> Path:
    """The path of a picture, whose name travels as its item: in UTF-8."""
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        shown = printable(str(folder / path))
        raise InvalidSource(f"{shown}: expected a name in UTF-8, this one is not; rename it") from None
    return path


def _unreadable(error: OSError) -> None:
    raise InvalidSource(f"{error.filename}: expected a readable folder, but: {error.strerror}") from error


def _labelled(folder: Path, found: list[Path], labels: dict[str, str], origin: Path) -> list[Picture]:
    _refuse_absent(folder, labels, origin)
    by_place = {Path(name): label for name, label in labels.items()}
    return [_picture(folder, path, by_place.get(path, "")) for path in found]


def _listed(folder: Path, labels: dict[str, str], origin: Path) -> list[Picture]:
    _refuse_absent(folder, labels, origin)
    refuse_links_out(folder, map(Path, labels))
    return [_picture(folder, Path(name), labels[name]) for name in sorted(labels)]


def _refuse_absent(folder: Path, labels: dict[str, str], origin: Path) -> None:
    absent = [name for name in labels if not (folder / name).is_file()]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InvalidSource(f"{origin}: expected names of files relative to {folder}; there is no {absent[0]}{more}")


def _picture(folder: Path, path: Path, label: str) -> Picture:
    channels = npy.file_channels(folder / path) if path.suffix.lower() == npy.SUFFIX else None
    return Picture(path.as_posix(), label, lambda: file_content(folder / path), channels)


def _arrays(path: Path) -> list[Picture]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("images", "labels", "classes") if name in archive.files}
    except DAMAGED as error:
        raise InvalidSource(
            f"{path}: expected an .npz of plain arrays, but: {error or type(error).__name__}"
        ) from error
    images = arrays.get("images")
    if images is None:
        raise InvalidSource(f"{path}: expected an array named images, and optionally labels and classes")
    _refuse_images(path, images)
    names = _array_labels(path, len(images), arrays.get("labels"), arrays.get("classes"))
    digits = len(str(len(images) - 1))
    return [_array_picture(images, place, f"{place:0{digits}d}", label) for place, label in enumerate(names)]


def _refuse_images(path: Path, images: NDArray[Any]) -> None:
    if not images.size or npy.channels_of(images.shape[1:], images.dtype) is None:
        raise InvalidSource(f"{path}: expected images, each {npy.EXPECTED}; got {images.dtype} of shape {images.shape}")


def _array_labels(path: Path, count: int, labels: NDArray[Any] | None, classes: NDArray[Any] | None) -> list[str]:
    if labels is None:
        return [""] * count
    if labels.shape != (count,):
        raise InvalidSource(f"{path}: expected {count} labels, one an image, got shape {labels.shape}")
    if classes is None or labels.dtype.kind not in "iu":
        return [str(label) for label in labels.tolist()]
    if classes.ndim != 1:
        raise InvalidSource(f"{path}: expected classes as one list of names, got shape {classes.shape}")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise InvalidSource(
            f"{path}: expected labels from 0 to {len(classes) - 1}, got {labels.min()} to {labels.max()}"
        )
    return [str(classes[label]) for label in labels.tolist()]


def _array_picture(images: NDArray[Any], place: int, item: str, label: str) -> Picture:
    channels = npy.channels_of(images.shape[1:], images.dtype)
    pictured = images.dtype == np.uint8 and channels in npy.PICTURE_CHANNELS
    encoded = png.encoded if pictured else npy.encoded
    return Picture(
        item,
        label,
        lambda: made_content(lambda: encoded(images[place]), f"image {item}"),
        None if pictured else channels,
    )
