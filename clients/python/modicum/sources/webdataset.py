"""The labels of a WebDataset: files of one name, up to its first dot, are a sample (`7.jpg`, `7.cls`, `7.json`).

A label stands in the `.cls` of its sample, or else under `label` in its `.json`, as a name or a class index.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from modicum.errors import InvalidSource
from modicum.sources.files import File
from modicum.sources.labels import json_in, json_label

CLASS, JSON = "cls", "json"
MOST_LABEL_BYTES = 4096
MOST_JSON_BYTES = 1024 * 1024
EXPECTED = "expected the name or the index of a class"

Names = frozenset[PurePosixPath]


@dataclass(frozen=True, slots=True)
class Samples:
    """The labels of pictures by name, the files that hold labels, and further pictures of a sample."""

    labels: Mapping[PurePosixPath, str]
    read: Names
    further: Names


def samples_of(files: Sequence[File], is_image: Callable[[PurePosixPath], bool], where: str) -> Samples | None:
    """The samples of a tar; None if it is no WebDataset with labels.

    Raises:
        InvalidSource: a sample has two pictures or labels, or no label where others have one, or one is not valid.
    """
    samples = _by_key(files)
    pictured = {key: parts for key, parts in samples.items() if any(is_image(file.name) for _, file in parts)}
    labels: dict[PurePosixPath, str] = {}
    unlabelled: list[File] = []
    read, further = set[PurePosixPath](), set[PurePosixPath]()
    for parts in pictured.values():
        pictures = [part for part in parts if is_image(part[1].name)]
        label = _label(parts, where)
        if label is None:
            unlabelled += [file for _, file in pictures]
            continue
        read |= {file.name for extension, file in parts if extension in {CLASS, JSON}}
        plain = [file for extension, file in pictures if "." not in extension] or [file for _, file in pictures]
        picture = _only(plain, where, "picture")
        labels[picture.name] = label
        further |= {file.name for _, file in pictures} - {picture.name}
    if not labels:
        return None
    if unlabelled:
        name = unlabelled[0].name
        raise InvalidSource(
            f"{unlabelled[0].where}: expected a label in {_key(name).name}.{CLASS}, or under label in "
            f"{_key(name).name}.{JSON}, as other samples have; add it, or leave the sample out"
        )
    return Samples(labels, frozenset(read), frozenset(further))


def _key(name: PurePosixPath) -> PurePosixPath:
    return name.with_name(name.name.partition(".")[0])


def _by_key(files: Sequence[File]) -> dict[PurePosixPath, list[tuple[str, File]]]:
    """The extensions, in lower case, and the files of each sample."""
    samples: dict[PurePosixPath, list[tuple[str, File]]] = {}
    for file in files:
        extension = file.name.name.partition(".")[2].lower()
        samples.setdefault(_key(file.name), []).append((extension, file))
    return samples


def _only(found: Sequence[File], where: str, what: str) -> File:
    if len(found) > 1:
        names = " and ".join(sorted(file.name.as_posix() for file in found[:2]))
        raise InvalidSource(f"{where}: {names}: expected one {what} in a sample; make the tar again with one")
    return found[0]


def _label(parts: Sequence[tuple[str, File]], where: str) -> str | None:
    """The label of a sample. None if it has none; empty if its JSON says so."""
    for kind, label_in in ((CLASS, _class_label), (JSON, _json_label)):
        if found := [file for extension, file in parts if extension == kind]:
            label = label_in(_only(found, where, "label"))
            if label is not None:
                return label
    return None


def _class_label(file: File) -> str:
    label = _text(file, MOST_LABEL_BYTES).strip()
    if not label or len(label.splitlines()) > 1:
        raise InvalidSource(f"{file.where}: {EXPECTED} on one line, got {label[:80]!r}")
    return label


def _json_label(file: File) -> str | None:
    expected = f"{file.where}: expected a JSON object"
    document = json_in(_text(file, MOST_JSON_BYTES), expected)
    if not isinstance(document, dict) or "label" not in document:
        return None
    return json_label(document["label"], file.where)


def _text(file: File, most: int) -> str:
    try:
        with file.open() as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise InvalidSource(f"{file.where}: expected at most {most:,} bytes")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidSource(f"{file.where}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidSource(f"{file.where}: expected text in UTF-8; byte {error.start} is not valid UTF-8") from error
