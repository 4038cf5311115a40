"""Boxes as data sets of object detection keep them: a COCO file, or a folder of Pascal VOC files.

Both may describe more pictures than are audited. A box that reaches beyond its picture is cut at the picture's edge, as
rounded annotations often reach half a pixel beyond. A box without area, or outside its picture, marks nothing and is
left out.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from xml.parsers import expat

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.contents import require_file
from modicum.sources.paths import name_inside, refuse_outside_links

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
    """Pictures with their stated sizes, their boxes, and why they lack others, all by the name of the picture."""

    sizes: Sizes
    boxes: Boxes = field(default_factory=dict)
    left_out: dict[str, Counter[LeftOut]] = field(default_factory=dict)
    first_left_out: str = ""

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
VOC_FORM = "<annotation> with <size> and, for each <object>, a <bndbox> of <xmin>, <ymin>, <xmax> and <ymax>"
FORMS = (
    "Boxes are read from a table of file,left,top,right,bottom (.csv), JSON, a COCO file (.json), or a folder of "
    "Pascal VOC files (.xml). YOLO's .txt files are not read; convert them to one of these"
)
#: An annotation of one picture has a few kilobytes.
MOST_XML_BYTES = 4 * 1024**2


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
    return _with_boxes(annotated, path, "Each bbox is left, top, width and height, counted from 0,")


def voc_boxes(folder: Path) -> Annotated:
    """The boxes and sizes of a folder of Pascal VOC files, by the name of each file without its suffix.

    VOC counts pixels from 1, and `xmax` and `ymax` are within the box. Here a pixel is counted from 0, and they are
    behind it.

    Raises:
        InvalidSource: there is no such file, or one is not of the form of VOC.
    """
    files = sorted(path for path in folder.rglob("*.xml") if not path.name.startswith("."))
    if not files:
        forms = f". {FORMS}" if any(folder.rglob("*.txt")) else ""
        raise InvalidSource(f"{folder}: expected Pascal VOC files (.xml), one for each picture; found none{forms}")
    refuse_outside_links(folder, [path.relative_to(folder) for path in files])
    read = {path.relative_to(folder).with_suffix("").as_posix(): _voc_file(path) for path in files}
    annotated = Annotated({name: size for name, (_, size) in read.items()})
    for name, (boxes, _) in read.items():
        for box in boxes:
            annotated.add(name, box, str(folder / f"{name}.xml"))
    return _with_boxes(annotated, folder, "xmin, ymin, xmax and ymax count from 1,")


def _voc_file(path: Path) -> tuple[list[Box], tuple[float, float]]:
    found: dict[str, list[float]] = {}
    for place, value in _numbers(path):
        found.setdefault(place, []).append(value)
    corners = [found.get(f"annotation/object/bndbox/{key}", []) for key in ("xmin", "ymin", "xmax", "ymax")]
    sizes = [found.get(f"annotation/size/{key}", []) for key in ("width", "height")]
    if len({len(values) for values in corners}) != 1 or any(len(values) != 1 for values in sizes):
        raise InvalidSource(f"{path}: expected {VOC_FORM}")
    (width,), (height,) = sizes
    boxes = [(left - 1, top - 1, right, bottom) for left, top, right, bottom in zip(*corners, strict=True)]
    return boxes, (width, height)


def _numbers(path: Path) -> Iterator[tuple[str, float]]:
    """Yield what stands in each element that has a number, with its path from the root. Declarations are refused."""
    require_file(path)
    if path.stat().st_size > MOST_XML_BYTES:
        raise InvalidSource(f"{path}: expected the annotation of one picture, of at most 4 MiB")
    within: list[str] = []
    text: dict[str, str] = {}
    found: list[tuple[str, float]] = []

    def begin(name: str, _: object) -> None:
        within.append(name)
        text["/".join(within)] = ""

    def read(data: str) -> None:
        text["/".join(within)] += data

    def end(_: str) -> None:
        place = "/".join(within)
        within.pop()
        with suppress(ValueError):
            number = float(text[place])
            if math.isfinite(number):
                found.append((place, number))

    def refuse(*_: object) -> None:
        raise InvalidSource(f"{path}: expected {VOC_FORM}, without declarations (<!DOCTYPE>)")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, read
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, OSError) as error:
        raise InvalidSource(f"{path}: expected {VOC_FORM}; not valid XML: {error}") from error
    return iter(found)


def _list_of(document: Mapping[str, Any], key: str, path: Path) -> list[Any]:
    value = document[key]
    if not isinstance(value, list):
        raise InvalidSource(f"{path}: expected {key} to be a list, as in a COCO file; got {type(value).__name__}")
    return value


def _field(entry: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidSource(f"{where}: expected an entry of a COCO file with {key}; got {str(entry)[:80]}. Add {key}")
    return value


def _four(numbers: list[Any], where: str) -> list[float]:
    if len(numbers) != 4 or not all(map(_is_finite, numbers)):  # noqa: PLR2004
        raise InvalidSource(f"{where}: expected bbox to be left, top, width and height; got {str(numbers)[:80]}")
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


def _with_boxes(annotated: Annotated, origin: Path, order: str) -> Annotated:
    """The same, refused where no box marks anything. `order` says what the numbers of a box are in this form."""
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
