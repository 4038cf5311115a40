"""Boxes as data sets of object detection keep them: a COCO file, or the Pascal VOC files of `modicum.sources.voc`.

Both may describe more pictures than are audited. A box that reaches beyond its picture is cut at the picture's edge, as
rounded annotations often reach half a pixel beyond. A box without area, or outside its picture, marks nothing and is
left out.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.paths import name_inside

#: Left, top, right, bottom; right and bottom exclusive.
Box = tuple[float, float, float, float]
#: The boxes by the name of their picture.
Boxes = dict[str, list[Box]]
#: The stated width and height by the name of their picture. 0 stands for unknown.
Sizes = dict[str, tuple[float, float]]


class LeftOut(StrEnum):
    """Why a box is left out."""

    OUTSIDE = "outside their picture"
    EMPTY = "without area"
    NO_IMAGE = "of a picture that is not among the images"


@dataclass(slots=True)
class Annotated:
    """Pictures with their stated sizes, their boxes, and why they lack others, all by the name of the picture.

    `pictures` has the file names with suffix, where the names have none.
    """

    sizes: Sizes
    boxes: Boxes = field(default_factory=dict)
    left_out: dict[str, Counter[LeftOut]] = field(default_factory=dict)
    first_left_out: str = ""
    pictures: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, box: Box, where: str) -> None:
        """Take the part of a box that lies within its picture.

        Raises:
            InvalidSource: its corners are swapped.
        """
        part = _cut(box, *self.sizes[name], where)
        if isinstance(part, LeftOut):
            self.left_out.setdefault(name, Counter())[part] += 1
            self.first_left_out = self.first_left_out or _told(box, *self.sizes[name])
        else:
            self.boxes.setdefault(name, []).append(part)


COCO_KEYS = frozenset({"images", "annotations"})
FORMS = (
    "Boxes are read from a table of file,left,top,right,bottom (.csv), JSON, a COCO file (.json), or a folder of "
    "Pascal VOC files (.xml). YOLO's .txt files are not read; convert them to one of these"
)


def is_coco(document: object) -> bool:
    """Whether a JSON document has the form of COCO's object detection."""
    return isinstance(document, dict) and document.keys() >= COCO_KEYS and isinstance(document["images"], list)


def coco_boxes(document: Mapping[str, Any], path: Path) -> Annotated:
    """The boxes and sizes of a COCO document, by `file_name`. `bbox` is left, top, width and height, from 0.

    Raises:
        InvalidSource: an image or an annotation lacks what it needs, or an annotation is of no image.
    """
    sizes: dict[Any, tuple[str, float, float]] = {}
    for place, image in enumerate(_list_of(document, "images", path)):
        where = f"{path}: images[{place}]"
        name = _field(image, "file_name", str, where)
        size = (_field(image, key, (int, float), where) for key in ("width", "height"))
        sizes[_field(image, "id", (int, str), where)] = (name_inside(name, where), *size)
    names = Counter(name for name, _, _ in sizes.values())
    if len(names) < len(sizes):
        double = names.most_common(1)[0][0]
        raise InvalidSource(f"{path}: the file_name {printable(double)} occurs twice; remove one of its images")
    annotated = Annotated({name: (width, height) for name, width, height in sizes.values()})
    for place, annotation in enumerate(_list_of(document, "annotations", path)):
        where = f"{path}: annotations[{place}]"
        identity = _field(annotation, "image_id", (int, str), where)
        if identity not in sizes:
            raise InvalidSource(f"{where}: expected the id of one of the images, got {identity!r}")
        left, top, *extent = _four(_field(annotation, "bbox", list, where), where)
        annotated.add(sizes[identity][0], (left, top, left + extent[0], top + extent[1]), where)
    return with_boxes(annotated, path, "Each bbox is left, top, width and height, counted from 0,")


def _list_of(document: Mapping[str, Any], key: str, path: Path) -> list[Any]:
    value = document[key]
    if not isinstance(value, list):
        raise InvalidSource(f"{path}: expected {key} to be a list, as in a COCO file; got {type(value).__name__}")
    return value


def _field(entry: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    value = entry.get(key) if isinstance(entry, dict) else None
    if kind is list and value is not None and not isinstance(value, list):
        raise InvalidSource(f"{where}: expected {key} as a list, got {repr(value)[:80]}; correct it")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidSource(f"{where}: expected an entry of a COCO file with {key}; got {str(entry)[:80]}. Add {key}")
    return value


def _four(numbers: list[Any], where: str) -> list[float]:
    if len(numbers) != 4 or not all(map(_is_finite, numbers)):  # noqa: PLR2004
        raise InvalidSource(
            f"{where}: expected bbox to be left, top, width and height; got {str(numbers)[:80]}; correct it, or remove "
            "the annotation"
        )
    return numbers


def _is_finite(number: object) -> bool:
    return type(number) in {int, float} and math.isfinite(number)  # type: ignore[arg-type]


def _cut(box: Box, width: float, height: float, where: str) -> Box | LeftOut:
    """The part of a box within its picture, or why there is none."""
    if box[2] < box[0] or box[3] < box[1]:
        raise InvalidSource(f"{where}: expected boxes whose left is below right, and top below bottom; got {box}")
    if box[2] == box[0] or box[3] == box[1]:
        return LeftOut.EMPTY
    left, top = max(box[0], 0), max(box[1], 0)
    right, bottom = min(box[2], width or math.inf), min(box[3], height or math.inf)
    return (left, top, right, bottom) if left < right and top < bottom else LeftOut.OUTSIDE


def refuse_shares(boxes: Boxes, origin: Path) -> None:
    """Refuse boxes whose numbers are shares of their pictures: as pixels they would mark next to nothing.

    Raises:
        InvalidSource
    """
    numbers = [number for some in boxes.values() for box in some for number in box]
    if numbers and max(numbers) <= 1 and any(number % 1 for number in numbers):
        raise InvalidSource(
            f"{printable(str(origin))}: these look like shares of the picture; expected pixels: multiply the numbers "
            "by the width and height of their pictures"
        )


def _told(box: Box, width: float, height: float) -> str:
    left, top, right, bottom = box
    return f"from {left:g}, {top:g} to {right:g}, {bottom:g} in a picture of {width:g} x {height:g}"


def with_boxes(annotated: Annotated, origin: Path, order: str) -> Annotated:
    """The same, refused where no box marks anything. `order` says what the numbers of a box are in this form.

    Raises:
        InvalidSource: there are no boxes.
    """
    if annotated.boxes:
        return annotated
    where, reasons = printable(str(origin)), sum(annotated.left_out.values(), Counter[LeftOut]())
    if not reasons:
        raise InvalidSource(
            f"{where}: expected boxes; found none. Give annotations that have some, or leave out --boxes"
        )
    told = ", ".join(f"{reasons[reason]:,} {reason}" for reason in LeftOut if reasons[reason])
    raise InvalidSource(
        f"{where}: expected boxes with an area within their pictures; found none: {told}, such as one "
        f"{annotated.first_left_out}. {order} in pixels of the original picture, whose size the annotation states"
    )
