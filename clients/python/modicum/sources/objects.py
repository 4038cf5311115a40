"""Where the objects of pictures are: boxes in a CSV or JSON file, or a folder of mask pictures.

Pictures are not decoded here, so whether a box lies within its picture, and whether a mask is of its size, is for the
server to say, before anything is made of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modicum.errors import InvalidArgument, InvalidSource
from modicum.naming import printable
from modicum.sources.contents import bytes_content, file_content, require_file
from modicum.sources.labels import csv_rows, json_of
from modicum.sources.pictures import SUFFIXES, Objects, Picture
from modicum.sources.places import inner_name, refuse_links_out

HEADER = ("file", "left", "top", "right", "bottom")
EXPECTED = "expected left, top, right and bottom in pixels of the picture, 0 <= left < right and 0 <= top < bottom"

Box = tuple[float, float, float, float]
"""Left, top, right, bottom; right and bottom exclusive."""


def with_objects(
    pictures: Sequence[Picture], *, boxes: str | Path | None = None, masks: str | Path | None = None
) -> list[Picture]:
    """The pictures, each with its objects where `boxes` or `masks` tell of some.

    Args:
        pictures: of the data set.
        boxes: a CSV of file,left,top,right,bottom, one box a row, or JSON, `{file: [[left, top, right, bottom], ...]}`;
            files are named as the data set's items are.
        masks: a folder of mask pictures, each of its picture's size and name but for the suffix; what is neither black
            nor transparent is object.

    Raises:
        InvalidArgument: both were given.
        InvalidSource: a file or folder cannot be read, a box is none, a picture that is told of is not there, or a mask
            is a link that leads out of its folder.
    """
    if boxes is not None and masks is not None:
        raise InvalidArgument("boxes and masks exclude each other: give one of them")
    if boxes is not None:
        return _boxed(pictures, Path(boxes))
    return _masked(pictures, Path(masks)) if masks is not None else list(pictures)


def _boxed(pictures: Sequence[Picture], path: Path) -> list[Picture]:
    told = _read_json(path) if path.suffix.lower() == ".json" else _read_csv(path)
    _refuse_strangers(told, [picture.item for picture in pictures], path)
    return [
        replace(picture, objects=_box_list(told[picture.item], picture.item)) if picture.item in told else picture
        for picture in pictures
    ]


def _box_list(boxes: Sequence[Box], item: str) -> Objects:
    data = json.dumps(boxes, separators=(",", ":")).encode()
    return Objects("boxes", lambda: bytes_content(data, f"boxes of {item}"))


def _read_csv(path: Path) -> dict[str, list[Box]]:
    told: dict[str, list[Box]] = {}
    for number, row in csv_rows(path):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and tuple(cell.lower() for cell in cells) == HEADER):
            continue
        where = f"{path} line {number}"
        if len(cells) != len(HEADER) or not cells[0]:
            raise InvalidSource(f"{where}: expected five columns, {', '.join(HEADER)}, got {','.join(row)!r}")
        try:
            numbers = [float(cell) for cell in cells[1:]]
        except ValueError:
            raise InvalidSource(f"{where}: {EXPECTED}, got {','.join(cells[1:])!r}") from None
        told.setdefault(inner_name(cells[0], where), []).append(_box(numbers, where))
    if not told:
        raise InvalidSource(f"{path}: expected rows of {', '.join(HEADER)}, found none")
    return told


def _read_json(path: Path) -> dict[str, list[Box]]:
    form = "{file: [[left, top, right, bottom], ...]}"
    document = json_of(path, f"{path}: expected JSON, {form}")
    if not isinstance(document, dict) or not document:
        raise InvalidSource(f"{path}: expected {form} in JSON, got {type(document).__name__} of another form")
    return {
        inner_name(name, str(path)): _json_boxes(boxes, f"{path}: {printable(name)}")
        for name, boxes in document.items()
    }


def _json_boxes(boxes: Any, where: str) -> list[Box]:
    if not isinstance(boxes, list) or not boxes:
        raise InvalidSource(f"{where}: expected a list of boxes; leave out a picture without")
    return [_box(box, f"{where}, box {place}") for place, box in enumerate(boxes)]


def _box(numbers: Any, where: str) -> Box:
    is_four = isinstance(numbers, list) and len(numbers) == len(HEADER) - 1
    if is_four and all(type(number) in {int, float} for number in numbers):
        left, top, right, bottom = numbers
        if 0 <= left < right < float("inf") and 0 <= top < bottom < float("inf"):  # NaN is neither
            return left, top, right, bottom
    raise InvalidSource(f"{where}: {EXPECTED}, got {str(numbers)[:80]}")


def _masked(pictures: Sequence[Picture], folder: Path) -> list[Picture]:
    if not folder.is_dir():
        raise InvalidSource(f"{folder}: expected a folder of mask pictures; there is none")
    masks: dict[str, Path] = {}
    for path in filter(_is_mask, sorted(folder.rglob("*"))):
        refuse_links_out(folder, [path.relative_to(folder)])
        require_file(path)
        name = _stem(path.relative_to(folder))
        if name in masks:
            raise InvalidSource(f"{path}: expected one mask a picture; {masks[name].name} is the same picture's")
        masks[name] = path
    if not masks:
        raise InvalidSource(f"{folder}: expected mask pictures in it, found none")
    _refuse_strangers(masks, [_stem(Path(picture.item)) for picture in pictures], folder)
    return [_with_mask(picture, masks.get(_stem(Path(picture.item)))) for picture in pictures]


def _with_mask(picture: Picture, path: Path | None) -> Picture:
    return picture if path is None else replace(picture, objects=Objects("mask", lambda: file_content(path)))


def _is_mask(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.is_dir() and not path.name.startswith(".")


def _stem(path: Path) -> str:
    """The name without its suffix, its folders kept; an item of an .npz has no suffix."""
    return (path.with_suffix("") if path.suffix.lower() in SUFFIXES else path).as_posix()


def _refuse_strangers(told: Mapping[str, object], items: Sequence[str], origin: Path) -> None:
    strangers = sorted(told.keys() - set(items))
    if strangers:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        raise InvalidSource(
            f"{origin}: expected names of the data set's pictures, as {printable(items[0])}; there is no "
            f"{printable(strangers[0])}{more}"
        )
