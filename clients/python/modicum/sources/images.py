"""The images to audit: from a folder with or without class folders, a CSV, an .npz, tars, or parquet.

An image is a picture (JPEG, PNG, ...) or an array (.npy) of any number of channels. Only the headers of arrays are read
here. A broken image becomes a finding with a reason on the server. Files in a folder that are not images are skipped.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources import converted, lfs, npy, npz, parquet, png, tars
from modicum.sources.contents import Content, made_content, require_file, stream_content
from modicum.sources.files import File, split_of
from modicum.sources.label_files import contradictions, labels_beside, labels_of_images, refuse_absent
from modicum.sources.labels import METADATA_KEYS, true_labels
from modicum.sources.metadata import metadata_beside, metadata_columns, missing_label_text, refuse_splits
from modicum.sources.parquet_rows import Rows
from modicum.sources.paths import refuse_outside_links
from modicum.sources.skipped import NOTHING_SKIPPED, Skipped
from modicum.sources.webdataset import samples_of

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff", npy.SUFFIX})
#: Files that hold a part of a data set.
SHARDS = frozenset({tars.SUFFIX, parquet.SUFFIX})
EXPECTED = "a folder of images, a .csv, an .npz, a .tar, a .parquet, or one image"


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
    read. `objects` is None if nothing is known about them. `file` is where it lies; None for an array of an .npz
    and a row of parquet. `floats` reads the values of an array of float32, and is or gives None for anything else.
    """

    item: str
    label: str
    content: Callable[[], Content] = field(repr=False)
    channels: int | None = None
    objects: Objects | None = None
    file: File | None = field(default=None, repr=False)
    floats: Callable[[], NDArray[np.float32] | None] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """The images of a source, in the order of their items, and the files beside them that are skipped."""

    images: Sequence[Image]
    skipped: Skipped = NOTHING_SKIPPED


def found_in(source: str | Path, labels: str | Path | None = None) -> Found:
    """The images of `source`, and what is skipped.

    - a folder with class folders: the name of a class folder is the label of its images;
    - a folder with labels in a file: `labels` (a CSV of file,label), a labels.csv in it, or the metadata.csv or
      metadata.jsonl of a Hugging Face `imagefolder`;
    - any other folder: no labels;
    - a .csv file: the files that it names, relative to its folder;
    - an .npz file: `images` (N, H, W) or (N, H, W, C), uint8, uint16 or float32, and optionally `labels` (N,) and
      `classes`;
    - a .tar: a WebDataset, whose labels stand in its .cls or .json members (see `modicum.sources.webdataset`); or a
      folder as a tar, without labels in it or with those of its class folders or of `labels`;
    - a .parquet: rows with pictures, and labels if it has them (see `modicum.sources.parquet`);
    - a folder of .tar or .parquet files without images: all of them; an item has the name of its file before its own;
    - one picture, or one .npy array: itself, without a label.

    Files are pictures, or .npy arrays (H, W) or (H, W, C) of these types. They lie in the folder: links to files in it
    are followed, links that lead out of it are refused, and links to folders are ignored. A tar has no links.

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
    _refuse_pointer(path)
    suffix = path.suffix.lower()
    if suffix == tars.SUFFIX:
        return _tar(path, Path(labels) if labels else None)
    if labels is not None:
        raise InvalidSource(f"{path}: labels can only be given for a folder or a tar")
    if _is_image(path):
        return Found([_image(_file_at(path.parent, Path(path.name)), "")])
    if suffix == ".csv":
        return _listed(path)
    lists = {".npz": _arrays, parquet.SUFFIX: _rows}
    if suffix in lists:
        return Found(lists[suffix](path))
    if suffix in converted.SUFFIXES:
        raise InvalidSource(f"{path}: no library for this format is installed; {converted.INSTALL} adds one")
    if tars.is_packed(path):
        raise InvalidSource(f"{path}: compressed tars are not read; unpack it to a .tar")
    raise InvalidSource(f"{path}: expected {EXPECTED}")


def _mode(path: Path) -> int:
    """The mode of a file; 0 if it does not exist."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _refuse_pointer(path: Path) -> None:
    if lfs.is_pointer(path):
        raise InvalidSource(lfs.pointer_text(path, "the pictures"))


def _folder(folder: Path, labels: Path | None) -> Found:
    paths = sorted(_files(folder), key=lambda path: path.as_posix())
    images = [path for path in paths if _is_image(path)]
    shards = [path for path in paths if path.suffix.lower() in SHARDS]
    if shards and not images:
        return _sharded(folder, shards, [path for path in paths if path not in set(shards)], labels)
    refuse_outside_links(folder, (path for path in images if (folder / path).is_symlink()))
    labels, metadata, note = labels or labels_beside(folder), None, ""
    if labels is None and (metadata := metadata_beside(folder)):
        columns = metadata_columns(metadata)
        labels = metadata if METADATA_KEYS.issubset(columns) else None
        note = missing_label_text(metadata, columns)
    pointers = {path for path in images if lfs.is_pointer(folder / path)}
    files = [_file_at(folder, path) for path in images if path not in pointers]
    given = None
    if labels and images:
        names = [file.name for file in files]
        given = labels_of_images(folder, labels, names, lambda name: (folder / name).is_file())
        note = contradictions(labels, given)
    read = {labels, metadata}
    left = [path for path in paths if path in pointers or not (_is_image(path) or folder / path in read)]
    if given is None:
        refuse_splits(folder, paths)
    found = _arranged(folder, files, given, _skipped(left, pointers))
    has_folders = given is None and any(image.label for image in found.images)
    return found if has_folders else replace(found, skipped=replace(found.skipped, note=note))


def _skipped(files: Iterable[Path], pointers: Iterable[Path]) -> Skipped:
    return Skipped(tuple(path.as_posix() for path in files), pointers=frozenset(path.as_posix() for path in pointers))


def _sharded(folder: Path, shards: Sequence[Path], others: Sequence[Path], labels: Path | None) -> Found:
    """The images of several files. An item has the name of its file before its own, since names may be equal."""
    if labels:
        raise InvalidSource(f"{folder}: labels can only be given for one tar, or for a folder of images")
    if len({path.suffix.lower() for path in shards}) > 1:
        raise InvalidSource(f"{folder}: found tars and parquet files; give a folder with one kind")
    splits = sorted({split_of(path) for path in shards})
    if len(splits) > 1:
        raise InvalidSource(
            f"{folder}: found files of the splits {splits[0]} and {splits[1]}; give a folder with the files of one "
            "split"
        )
    refuse_outside_links(folder, (path for path in shards if (folder / path).is_symlink()))
    images: list[Image] = []
    skipped, further = [path.as_posix() for path in others], set[str]()
    rows = Rows()
    for shard in shards:
        path, within = folder / shard, shard.as_posix()
        _refuse_pointer(path)
        found = Found(_rows(path, rows)) if shard.suffix.lower() == parquet.SUFFIX else _tar(path, None)
        images += [replace(image, item=f"{within}/{image.item}") for image in found.images]
        skipped += [f"{within}/{name}" for name in found.skipped.files]
        further |= {f"{within}/{name}" for name in found.skipped.further}
    return Found(images, Skipped(tuple(skipped), frozenset(further)))


def _rows(path: Path, rows: Rows | None = None) -> list[Image]:
    return [
        Image(row.item, row.label, partial(stream_content, row.open, row.where))
        for row in parquet.rows_of(path, rows or Rows())
    ]


def _tar(path: Path, labels: Path | None) -> Found:
    files = sorted(tars.files_in(path), key=lambda file: file.name.as_posix())
    names = {file.name for file in files}
    samples = None if labels else samples_of(files, _is_image, str(path))
    given, note = samples.labels if samples else None, ""
    further, read = (samples.further, samples.read) if samples else (frozenset(), frozenset())
    images = [file for file in files if _is_image(file.name) and file.name not in further]
    left = names - {file.name for file in images} - read
    if labels:
        of_images = [file.name for file in images]
        given = labels_of_images(path, labels, of_images, lambda name: PurePosixPath(name) in names)
        note = contradictions(labels, given)
    skipped = Skipped(tuple(sorted(map(str, left))), frozenset(map(str, further)), note=note)
    return _arranged(path, images, given, skipped)


def _arranged(
    source: Path, files: Sequence[File], labels: Mapping[PurePosixPath, str] | None, skipped: Skipped
) -> Found:
    """The images of a folder or a tar, with the labels that were given, or those of class folders."""
    if not files:
        also = f". {skipped}" if skipped.files else ""
        raise InvalidSource(f"{source}: expected images ({' '.join(sorted(SUFFIXES))}), found none{also}")
    if labels is not None:
        return Found([_image(file, labels.get(file.name, "")) for file in files], skipped)
    flat = [file for file in files if len(file.name.parts) == 1]
    if flat and len(flat) < len(files):
        raise InvalidSource(
            f"{source}: expected images only in class folders, but {len(flat)} are beside them; move these into class "
            "folders, or give a CSV of file,label"
        )
    return Found([_image(file, "" if flat else file.name.parts[0]) for file in files], skipped)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the paths of the files under `folder`, relative to it. Hidden files and folders are ignored."""
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield (Path(place) / name).relative_to(folder)


def _is_image(path: PurePath) -> bool:
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or (suffix in converted.SUFFIXES and converted.is_readable(suffix))


def _file_at(folder: Path, path: Path) -> File:
    require_file(folder / path)
    return File(PurePosixPath(path), str(folder / path), lambda: (folder / path).open("rb"))


def _unreadable(error: OSError) -> None:
    raise InvalidSource(f"{error.filename}: the folder cannot be read: {error.strerror}") from error


def _listed(path: Path) -> Found:
    folder, labels = path.parent, true_labels(path)
    refuse_absent(folder, labels, path, lambda name: (folder / name).is_file())
    refuse_outside_links(folder, map(Path, labels))
    paths = [Path(name) for name in sorted(labels)]
    pointers = {one for one in paths if lfs.is_pointer(folder / one)}
    files = [_file_at(folder, one) for one in paths if one not in pointers]
    given = {PurePosixPath(name): label for name, label in labels.items()}
    return _arranged(path, files, given, _skipped(sorted(pointers), pointers))


def _image(file: File, label: str) -> Image:
    """The image in a file. Its item is the file's name, which must be valid UTF-8."""
    suffix = file.name.suffix.lower()
    try:
        file.name.as_posix().encode()
    except UnicodeEncodeError:
        raise InvalidSource(f"{printable(file.where)}: the name is not valid UTF-8; rename the file") from None
    channels = npy.file_channels(file) if suffix == npy.SUFFIX else None
    is_converted = suffix in converted.SUFFIXES and converted.is_readable(suffix)
    return Image(
        file.name.as_posix(),
        label,
        lambda: converted.converted_content(file) if is_converted else stream_content(file.open, file.where),
        channels,
        file=file,
        floats=None if channels is None else partial(npy.float_values, file),
    )


def _arrays(path: Path) -> list[Image]:
    arrays = npz.plain_arrays(path, ("images", "labels", "classes"))
    images = arrays.get("images")
    if images is None:
        raise InvalidSource(f"{path}: expected an array named images (labels and classes are optional), found none")
    _refuse_images(path, images)
    names = _array_labels(path, len(images), arrays.get("labels"), arrays.get("classes"))
    digits = len(str(len(images) - 1))
    return [_array_image(images, place, f"{place:0{digits}d}", label) for place, label in enumerate(names)]


def _refuse_images(path: Path, images: NDArray[Any]) -> None:
    if images.ndim and not len(images):
        raise InvalidSource(f"{path}: expected images; its array images holds none, its shape is {images.shape}")
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
        floats=(lambda: images[place]) if images.dtype.name == npy.FLOAT else None,
    )
