"""The images to audit: from a folder with or without class folders, a CSV, or an .npz.

An image is a picture (JPEG, PNG, ...) or an array (.npy) of any number of channels. Only the headers of arrays are read
here. A broken image becomes a finding with a reason on the server. Files in a folder that are not images are skipped.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources import converted, npy, png
from modicum.sources.contents import Content, file_content, made_content, require_file
from modicum.sources.labels import labels_beside, true_labels
from modicum.sources.paths import refuse_outside_links
from modicum.sources.skipped import NOTHING_SKIPPED, Skipped

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff", npy.SUFFIX})
EXPECTED = "a folder of images, a .csv, an .npz, or one image"
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


@dataclass(frozen=True, slots=True)
class Objects:
    """Where the objects of an image are. `kind` is "boxes" (a JSON list) or "mask" (an image), as in the manifest."""

    kind: str
    content: Callable[[], Content] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """One image on disk.

    `item` is its id in the data set. `label` is a class name, a class index, or empty. `channels` is the number of
    channels of an array; it is None for a picture, which is decoded as grey or RGB, and for an array that cannot be
    read. `objects` is None if nothing is known about them.
    """

    item: str
    label: str
    content: Callable[[], Content] = field(repr=False)
    channels: int | None = None
    objects: Objects | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The images of a source, in the order of their items, and the files beside them that are skipped."""

    images: Sequence[Image]
    skipped: Skipped = NOTHING_SKIPPED


def find_images(source: str | Path, labels: str | Path | None = None) -> list[Image]:
    """The images of `source`, in the order of their items, as `found_in` has them."""
    return list(found_in(source, labels).images)


def found_in(source: str | Path, labels: str | Path | None = None) -> Found:
    """The images of `source`, and what is skipped.

    - a folder with class folders: the name of a class folder is the label of its images;
    - a folder with labels in a file: `labels` (a CSV of file,label), a labels.csv in it, or the metadata.csv or
      metadata.jsonl of a Hugging Face `imagefolder`;
    - any other folder: no labels;
    - a .csv file: the files that it names, relative to its folder;
    - an .npz file: `images` (N, H, W) or (N, H, W, C), uint8, uint16 or float32, and optionally `labels` (N,) and
      `classes`;
    - one picture, or one .npy array: itself, without a label.

    Files are pictures, or .npy arrays (H, W) or (H, W, C) of these types. They lie in the folder: links to files in it
    are followed, links that lead out of it are refused, and links to folders are ignored.

    Raises:
        InvalidSource: there are no images, one lies outside the folder, the labels do not fit, or an array has another
            type or shape.
    """
    path = Path(source)
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return _folder(path, Path(labels) if labels else None)
    if not mode:
        raise InvalidSource(f"{path}: not found; expected {EXPECTED}")
    require_file(path)
    if labels is not None:
        raise InvalidSource(f"{path}: labels can only be given for a folder; this is a file")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return Found(_listed(path.parent, true_labels(path), path))
    if suffix == ".npz":
        return Found(_arrays(path))
    if _is_image(path):
        return Found([_image(path.parent, _checked_path(Path(path.name), path.parent), "")])
    if suffix in converted.SUFFIXES:
        raise InvalidSource(f"{path}: no library for this format is installed; {converted.INSTALL} adds one")
    raise InvalidSource(f"{path}: expected {EXPECTED}")


def _mode(path: Path) -> int:
    """The mode of a file; 0 if it does not exist."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _folder(folder: Path, labels: Path | None) -> Found:
    files = sorted(_files(folder), key=lambda path: path.as_posix())
    labels = labels or labels_beside(folder)
    found = [_checked_path(path, folder) for path in files if _is_image(path)]
    skipped = Skipped(tuple(path.as_posix() for path in files if not _is_image(path) and folder / path != labels))
    if not found:
        also = f". {skipped}" if skipped.files else ""
        raise InvalidSource(f"{folder}: expected images ({' '.join(sorted(SUFFIXES))}), found none{also}")
    refuse_outside_links(folder, (path for path in found if (folder / path).is_symlink()))
    flat = [path for path in found if len(path.parts) == 1]
    if labels:
        return Found(_labelled(folder, found, true_labels(labels), labels), skipped)
    if flat and len(flat) < len(found):
        raise InvalidSource(
            f"{folder}: expected images only in class folders, but {len(flat)} are beside them; move these into class "
            "folders, or give a CSV of file,label"
        )
    return Found([_image(folder, path, "" if flat else path.parts[0]) for path in found], skipped)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the paths of the files under `folder`, relative to it. Hidden files and folders are ignored."""
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield (Path(place) / name).relative_to(folder)


def _is_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or (suffix in converted.SUFFIXES and converted.is_readable(suffix))


def _checked_path(path: Path, folder: Path) -> Path:
    """Return the path if it is valid UTF-8: the path is the id of the image."""
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        shown = printable(str(folder / path))
        raise InvalidSource(f"{shown}: the name is not valid UTF-8; rename the file") from None
    return path


def _unreadable(error: OSError) -> None:
    raise InvalidSource(f"{error.filename}: the folder cannot be read: {error.strerror}") from error


def _labelled(folder: Path, found: list[Path], labels: dict[str, str], origin: Path) -> list[Image]:
    _refuse_absent(folder, labels, origin)
    by_place = {Path(name): label for name, label in labels.items()}
    return [_image(folder, path, by_place.get(path, "")) for path in found]


def _listed(folder: Path, labels: dict[str, str], origin: Path) -> list[Image]:
    _refuse_absent(folder, labels, origin)
    refuse_outside_links(folder, map(Path, labels))
    return [_image(folder, Path(name), labels[name]) for name in sorted(labels)]


def _refuse_absent(folder: Path, labels: dict[str, str], origin: Path) -> None:
    absent = [name for name in labels if not (folder / name).is_file()]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InvalidSource(
            f"{origin}: expected names of files relative to {folder}; these do not exist: {absent[0]}{more}"
        )


def _image(folder: Path, path: Path, label: str) -> Image:
    suffix = path.suffix.lower()
    channels = npy.file_channels(folder / path) if suffix == npy.SUFFIX else None
    content = (
        converted.converted_content if suffix in converted.SUFFIXES and converted.is_readable(suffix) else file_content
    )
    return Image(path.as_posix(), label, lambda: content(folder / path), channels)


def _arrays(path: Path) -> list[Image]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("images", "labels", "classes") if name in archive.files}
    except DAMAGED as error:
        raise InvalidSource(f"{path}: not a valid .npz of plain arrays: {error or type(error).__name__}") from error
    images = arrays.get("images")
    if images is None:
        raise InvalidSource(f"{path}: expected an array named images (labels and classes are optional), found none")
    _refuse_images(path, images)
    names = _array_labels(path, len(images), arrays.get("labels"), arrays.get("classes"))
    digits = len(str(len(images) - 1))
    return [_array_image(images, place, f"{place:0{digits}d}", label) for place, label in enumerate(names)]


def _refuse_images(path: Path, images: NDArray[Any]) -> None:
    if not images.size or npy.channels_of(images.shape[1:], images.dtype) is None:
        raise InvalidSource(f"{path}: expected images, each {npy.EXPECTED}; got {images.dtype} of shape {images.shape}")


def _array_labels(path: Path, count: int, labels: NDArray[Any] | None, classes: NDArray[Any] | None) -> list[str]:
    if labels is None:
        return [""] * count
    if labels.shape != (count,):
        raise InvalidSource(f"{path}: expected {count} labels, one per image; got an array of shape {labels.shape}")
    if classes is None or labels.dtype.kind not in "iu":
        return [str(label) for label in labels.tolist()]
    if classes.ndim != 1:
        raise InvalidSource(f"{path}: expected classes to be a list of names; got an array of shape {classes.shape}")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise InvalidSource(
            f"{path}: expected labels from 0 to {len(classes) - 1}, got {labels.min()} to {labels.max()}"
        )
    return [str(classes[label]) for label in labels.tolist()]


def _array_image(images: NDArray[Any], place: int, item: str, label: str) -> Image:
    channels = npy.channels_of(images.shape[1:], images.dtype)
    as_picture = images.dtype == np.uint8 and channels in npy.PICTURE_CHANNELS
    encoded = png.encoded if as_picture else npy.encoded
    return Image(
        item,
        label,
        lambda: made_content(lambda: encoded(images[place]), f"image {item}"),
        None if as_picture else channels,
    )
