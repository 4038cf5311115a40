"""Names of a model's classes, and true labels of images."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.contents import require_file
from modicum.sources.paths import name_inside

HEADER = ("file", "label")


def class_names(source: str | Path | Sequence[str] | None) -> tuple[str, ...]:
    """The names of the classes in the order of the outputs, from a list or a file. Empty for None.

    The file is text with one name per line, or a JSON list of strings.

    Raises:
        InvalidSource: the file cannot be read, is empty, or has an empty name or one name twice in it.
    """
    if source is None:
        return ()
    names = _read_names(Path(source)) if isinstance(source, str | Path) else list(source)
    where = f"labels file {source}" if isinstance(source, str | Path) else "labels"
    if not names:
        raise InvalidSource(f"{where}: expected one class name per line, found none")
    for place, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name.strip():
            raise InvalidSource(f"{where}: expected a class name at position {place}, got {name!r}")
    stripped = tuple(name.strip() for name in names)
    _refuse_equal_names(stripped, where)
    return stripped


def _refuse_equal_names(names: Sequence[str], where: str) -> None:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        before = first.setdefault(name, index)
        if before != index:
            raise InvalidSource(
                f"{where}: expected another name for each class, but classes {before} and {index} (counted from 0) are "
                f"both called {printable(name)}; rename one of them"
            )


def true_labels(path: Path) -> dict[str, str]:
    """Labels by file name, from a CSV of two columns. The first row may be the header `file,label`.

    Raises:
        InvalidSource: the file cannot be read, a row is not `file,label`, or a file lies outside the folder.
    """
    labels: dict[str, str] = {}
    for number, row in csv_rows(path):
        cells = tuple(cell.strip() for cell in row)
        if not any(cells) or (number == 1 and tuple(cell.lower() for cell in cells) == HEADER):
            continue
        if len(cells) != len(HEADER) or not cells[0]:
            raise InvalidSource(f"{path} line {number}: expected two columns, file and label, got {','.join(row)!r}")
        if cells[0] in labels:
            raise InvalidSource(f"{path} line {number}: {cells[0]} already has a label; remove one of the rows")
        labels[name_inside(cells[0], f"{path} line {number}")] = cells[1]
    if not labels:
        raise InvalidSource(f"{path}: expected rows of file,label; found none")
    return labels


def _read_names(path: Path) -> list[str]:
    if path.suffix.lower() != ".json":
        return text_of(path).rstrip().splitlines()
    names = json_of(path, f"labels file {path}: expected a JSON list of class names")
    if not isinstance(names, list):
        raise InvalidSource(f"labels file {path}: expected a JSON list of class names, got {type(names).__name__}")
    return names


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV, each with its number from 1.

    Raises:
        InvalidSource: the file cannot be read, or is not a valid CSV.
    """
    number = 0
    try:
        for number, row in enumerate(csv.reader(text_of(path).splitlines()), start=1):
            yield number, row
    except csv.Error as error:
        raise InvalidSource(f"{path} line {number + 1}: not a valid CSV: {error}") from error


def json_of(path: Path, expected: str) -> Any:
    """The content of a JSON file. `expected` is the beginning of the error message.

    Raises:
        InvalidSource: the file cannot be read, is not valid JSON, or has a key twice.
    """
    text = text_of(path)
    try:
        return json.loads(text, object_pairs_hook=_refuse_duplicate_keys)
    except RecursionError as error:
        raise InvalidSource(f"{expected}, but it is nested too deeply") from error
    except ValueError as error:  # not JSON, a key that occurs twice, or a number of thousands of digits
        raise InvalidSource(f"{expected}, but it is not valid: {error}") from error


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {printable(double)} occurs twice")
    return made


def text_of(path: Path) -> str:
    """The content of a text file in UTF-8.

    Raises:
        InvalidSource: it cannot be read, or is not UTF-8.
    """
    require_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidSource(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidSource(f"{path}: expected text in UTF-8; byte {error.start} is not valid UTF-8") from error
