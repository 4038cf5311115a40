"""Where the objects of images are: boxes in a CSV or JSON file, as COCO or Pascal VOC has them, or mask images.

Images are not decoded here. The server checks that a box lies within its image, and that a mask has its size.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modicum.errors import InvalidArgument, InvalidSource
from modicum.gate.counting import counted
from modicum.resource_names import printable
from modicum.sources.annotations import (
    FORMS,
    Annotated,
    Box,
    Boxes,
    LeftOut,
    coco_boxes,
    is_coco,
    refuse_shares,
)
from modicum.sources.contents import bytes_content, file_content, require_file
from modicum.sources.images import SUFFIXES, Found, Image, Objects
from modicum.sources.labels import csv_rows, json_of
from modicum.sources.paths import name_inside, refuse_outside_links
from modicum.sources.picture_sizes import sizes_of
from modicum.sources.voc import voc_boxes

HEADER = ("file", "left", "top", "right", "bottom")
EXPECTED = "expected left, top, right and bottom in pixels, with 0 <= left < right and 0 <= top < bottom"
FORM = "{file: [[left, top, right, bottom], ...]}"


def with_objects(found: Found, *, boxes: str | Path | None = None, masks: str | Path | None = None) -> Found:
    """The images, each with its objects if `boxes` or `masks` have any for it, and how many boxes are left out.

    Args:
        found: the images of the data set.
        boxes: a CSV of file,left,top,right,bottom with one box per row, or JSON: `{file: [[left, top, right, bottom],
            ...]}`. Files are named like the items of the data set. Or a COCO file (.json), or a folder of Pascal VOC
            files (.xml): these may name pictures without their folders, and others that are not in the data set.
        masks: a folder of mask images. Each has the size and name of its image; the suffix may differ. Pixels that are
            neither black nor transparent belong to an object.

    Raises:
        InvalidArgument: both were given.
        InvalidSource: a file or folder cannot be read, a box is not valid, an image does not exist, or a mask is a link
            that leads out of its folder.
    """
    if boxes is not None and masks is not None:
        raise InvalidArgument("boxes and masks exclude each other; give only one of them")
    if boxes is not None:
        return _boxed(found, Path(boxes))
    return found if masks is None else replace(found, images=_masked(found.images, Path(masks)))


def _boxed(found: Found, path: Path) -> Found:
    boxes_of_item, left_out = _boxes_of_items(found.images, path)
    refuse_shares(boxes_of_item, path)
    images = [
        replace(image, objects=_box_list(boxes_of_item[image.item], image.item))
        if image.item in boxes_of_item
        else image
        for image in found.images
    ]
    return Found(images, replace(found.skipped, boxes=left_out))


def _boxes_of_items(images: Sequence[Image], path: Path) -> tuple[Boxes, str]:
    """The boxes of the items, by item, and a line about those that are left out."""
    items = [image.item for image in images]
    if path.is_dir():
        return _those_of(images, voc_boxes(path), path, _stem_of_item)
    if path.suffix.lower() != ".json":
        boxes = _read_csv(path)
    else:
        document = json_of(path, f"{path}: expected JSON of the form {FORM}, or a COCO file")
        if is_coco(document):
            return _those_of(images, coco_boxes(document, path), path, str)
        boxes = _read_json(document, path)
    _refuse_unknown_items(boxes, items, path)
    return boxes, ""


def _those_of(
    images: Sequence[Image], annotated: Annotated, origin: Path, name_of: Callable[[str], str]
) -> tuple[Boxes, str]:
    """The boxes of the items, found by the item's name, or by that name without folders where it is unique.

    Raises:
        InvalidSource: no item has boxes, a picture has another size than its annotation states, or an annotation fits
            several pictures.
    """
    items = [image.item for image in images]
    named: dict[str, list[str]] = {}
    for item in items:
        named.setdefault(name_of(item), []).append(item)
    alone = Counter(name.rpartition("/")[2] for name in named)
    named |= {short: some for name, some in named.items() if alone[short := name.rpartition("/")[2]] == 1}
    boxes, sizes = annotated.boxes, annotated.sizes
    names = {name: _annotated_item(annotated, name, named[name], origin) for name in sizes if name in named}
    found = {names[name]: some for name, some in boxes.items() if name in names}
    if not found:
        raise InvalidSource(
            f"{origin}: its file names match no image of the data set. The data set has {printable(items[0])}; the "
            f"boxes are for {len(boxes)} other files, such as {printable(min(boxes))}"
        )
    stated = {names[name]: sizes[name] for name in boxes if name in names}
    for image in images:
        if all(stated.get(image.item, ())) and image.item in stated:
            _refuse_other_size(image, *stated[image.item])
    return found, _left_out(annotated, names, origin)


def _annotated_item(annotated: Annotated, name: str, items: Sequence[str], origin: Path) -> str:
    """The one of these items that an annotation is of. Several differ only in their suffix."""
    picture = annotated.pictures.get(name)
    matching = items if len(items) == 1 else [item for item in items if Path(item).name == picture]
    if len(matching) != 1:
        raise InvalidSource(
            f"{origin}: the annotation {printable(name)} fits {counted(len(items), 'image')}: "
            f"{printable(', '.join(items))}. Give the one that it is of in its <filename>, or leave out the others"
        )
    return matching[0]


def _left_out(annotated: Annotated, names: Collection[str], origin: Path) -> str:
    """How many boxes are left out and why, in one line; empty if none is."""
    counts = Counter[LeftOut]()
    for name, some in annotated.boxes.items():
        counts[LeftOut.NO_IMAGE] += len(some) if name not in names else 0
    for name, reasons in annotated.left_out.items():
        counts.update(reasons if name in names else {LeftOut.NO_IMAGE: reasons.total()})
    if not counts.total():
        return ""
    told = ", ".join(f"{counts[reason]:,} {reason}" for reason in LeftOut if counts[reason])
    verb = "is" if counts.total() == 1 else "are"
    return f"{counted(counts.total(), 'box', 'boxes')} of {printable(str(origin))} {verb} left out: {told}"


def _refuse_other_size(image: Image, width: float, height: float) -> None:
    with image.file.open() if image.file else image.content().open() as stream:
        sizes = sizes_of(stream)
    if sizes and (width, height) not in sizes:
        has = min(sizes)
        raise InvalidSource(
            f"{printable(image.item)}: annotated at {width:g}x{height:g}, the picture has {has[0]}x{has[1]}; scale the "
            "boxes, or give the pictures as they were annotated"
        )


def _stem_of_item(item: str) -> str:
    return _stem(Path(item))


def _box_list(boxes: Sequence[Box], item: str) -> Objects:
    data = json.dumps(boxes, separators=(",", ":")).encode()
    return Objects("boxes", lambda: bytes_content(data, f"boxes of {item}"))


def _read_csv(path: Path) -> dict[str, list[Box]]:
    boxes_of_item: dict[str, list[Box]] = {}
    for number, row in csv_rows(path):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and tuple(cell.lower() for cell in cells) == HEADER):
            continue
        where = f"{path} line {number}"
        if len(cells) != len(HEADER) or not cells[0]:
            raise InvalidSource(f"{where}: expected five columns, {','.join(HEADER)}; got {','.join(row)!r}. {FORMS}")
        try:
            numbers = [float(cell) for cell in cells[1:]]
        except ValueError:
            raise InvalidSource(f"{where}: {EXPECTED}; got {','.join(cells[1:])!r}") from None
        boxes_of_item.setdefault(name_inside(cells[0], where), []).append(_box(numbers, where))
    if not boxes_of_item:
        raise InvalidSource(f"{path}: expected rows of {','.join(HEADER)}; found none")
    return boxes_of_item


def _read_json(document: Any, path: Path) -> dict[str, list[Box]]:
    if not isinstance(document, dict) or not document:
        raise InvalidSource(f"{path}: expected JSON of the form {FORM} with at least one file, or a COCO file")
    return {
        name_inside(name, str(path)): _json_boxes(boxes, f"{path}: {printable(name)}")
        for name, boxes in document.items()
    }


def _json_boxes(boxes: Any, where: str) -> list[Box]:
    if not isinstance(boxes, list) or not boxes:
        raise InvalidSource(f"{where}: expected a list of boxes; leave out images without boxes")
    return [_box(box, f"{where}, box {place}") for place, box in enumerate(boxes)]


def _box(numbers: Any, where: str) -> Box:
    is_four = isinstance(numbers, list) and len(numbers) == len(HEADER) - 1
    if is_four and all(type(number) in {int, float} for number in numbers):
        left, top, right, bottom = numbers
        if 0 <= left < right < float("inf") and 0 <= top < bottom < float("inf"):  # false for NaN
            return left, top, right, bottom
    raise InvalidSource(f"{where}: {EXPECTED}; got {str(numbers)[:80]}")


def _masked(images: Sequence[Image], folder: Path) -> list[Image]:
    if not folder.is_dir():
        raise InvalidSource(f"{folder}: expected a folder of mask images; this folder does not exist")
    masks: dict[str, Path] = {}
    for path in filter(_is_mask, sorted(folder.rglob("*"))):
        refuse_outside_links(folder, [path.relative_to(folder)])
        require_file(path)
        name = _stem(path.relative_to(folder))
        if name in masks:
            raise InvalidSource(f"{path}: expected one mask per image; {masks[name].name} is a mask of the same image")
        masks[name] = path
    if not masks:
        raise InvalidSource(f"{folder}: expected mask images, found none")
    _refuse_unknown_items(masks, [_stem(Path(image.item)) for image in images], folder)
    return [_with_mask(image, masks.get(_stem(Path(image.item)))) for image in images]


def _with_mask(image: Image, path: Path | None) -> Image:
    return image if path is None else replace(image, objects=Objects("mask", lambda: file_content(path)))


def _is_mask(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.is_dir() and not path.name.startswith(".")


def _stem(path: Path) -> str:
    """The path without the suffix of an image. An item of an .npz has no suffix."""
    return (path.with_suffix("") if path.suffix.lower() in SUFFIXES else path).as_posix()


def _refuse_unknown_items(entries: Mapping[str, object], items: Sequence[str], origin: Path) -> None:
    unknown = sorted(entries.keys() - set(items))
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise InvalidSource(
            f"{origin}: expected names of images of the data set, like {printable(items[0])}; these do not exist: "
            f"{printable(unknown[0])}{more}; correct the names, or remove these entries"
        )
