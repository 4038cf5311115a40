"""The boxes of a folder of Pascal VOC files: one XML file for each picture, read object by object."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.annotations import FORMS, Annotated, Box, with_boxes
from modicum.sources.contents import require_file
from modicum.sources.paths import refuse_outside_links

FORM = "<annotation> with <size> and, for each <object>, a <bndbox> of <xmin>, <ymin>, <xmax> and <ymax>"
SIZE_ADVICE = "write it with <width> and <height> in pixels; 0 stands for unknown"
BOX_ADVICE = "add it, or remove the object"
CORNER_ADVICE = "correct it, or remove the object"
#: An annotation of one picture has a few kilobytes.
MOST_BYTES = 4 * 1024**2


@dataclass(frozen=True, slots=True)
class _Element:
    name: str
    text: list[str] = field(default_factory=list)
    within: "list[_Element]" = field(default_factory=list)

    def named(self, name: str) -> "list[_Element]":
        return [element for element in self.within if element.name == name]


@dataclass(frozen=True, slots=True)
class _File:
    """The annotation of one picture: its boxes, its stated width and height, and the name of its file, or nothing."""

    boxes: list[Box]
    size: tuple[float, float]
    picture: str


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
    read = {path.relative_to(folder).with_suffix("").as_posix(): _file(path) for path in files}
    annotated = Annotated({name: one.size for name, one in read.items()})
    annotated.pictures |= {name: one.picture for name, one in read.items()}
    for name, one in read.items():
        for box in one.boxes:
            annotated.add(name, box, str(folder / f"{name}.xml"))
    return with_boxes(annotated, folder, "xmin, ymin, xmax and ymax count from 1,")


def _file(path: Path) -> _File:
    root = _root(path)
    if root.name != "annotation":
        raise InvalidSource(f"{path}: expected {FORM}; got <{printable(root.name)[:80]}>. {FORMS}")
    size = _only(root, "size", str(path), SIZE_ADVICE)
    width, height = (_number(size, key, str(path), SIZE_ADVICE) for key in ("width", "height"))
    boxes = [_box(one, f"{path}: {_told(place, one)}") for place, one in enumerate(root.named("object"), start=1)]
    return _File(boxes, (width, height), _text(root.named("filename")))


def _box(element: _Element, where: str) -> Box:
    corners = _only(element, "bndbox", where, BOX_ADVICE)
    left, top, right, bottom = (_number(corners, key, where, CORNER_ADVICE) for key in ("xmin", "ymin", "xmax", "ymax"))
    return left - 1, top - 1, right, bottom


def _told(place: int, element: _Element) -> str:
    """What an object is called in messages: its place from 1, and its name if it has one."""
    name = printable(_text(element.named("name")))[:80]
    return f"object {place} ({name})" if name else f"object {place}"


def _number(element: _Element, key: str, where: str, advice: str) -> float:
    text = _text([_only(element, key, where, advice)])
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        got = printable(text)[:80] or "nothing"
        raise InvalidSource(f"{where}: expected a finite number in <{key}> of <{element.name}>, got {got}; {advice}")
    return number


def _only(element: _Element, key: str, where: str, advice: str) -> _Element:
    found = element.named(key)
    if len(found) != 1:
        raise InvalidSource(f"{where}: expected one <{key}> in <{element.name}>, got {len(found) or 'none'}; {advice}")
    return found[0]


def _text(elements: Sequence[_Element]) -> str:
    return "".join(elements[0].text).strip() if elements else ""


def _root(path: Path) -> _Element:
    """The outermost element of an XML file. Declarations are refused."""
    require_file(path)
    if path.stat().st_size > MOST_BYTES:
        raise InvalidSource(f"{path}: expected the annotation of one picture, of at most 4 MiB")
    document = _Element("")
    around = [document]

    def begin(name: str, _: object) -> None:
        element = _Element(name)
        around[-1].within.append(element)
        around.append(element)

    def read(data: str) -> None:
        around[-1].text.append(data)

    def end(_: str) -> None:
        around.pop()

    def refuse(*_: object) -> None:
        raise InvalidSource(f"{path}: expected {FORM}, without declarations (<!DOCTYPE>)")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, read
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, OSError) as error:
        raise InvalidSource(f"{path}: expected {FORM}; not valid XML: {error}") from error
    return document.within[0]
