"""Names for labels that are ids: a file that says what each id, such as n01440764, stands for.

A file is one of these:

- text with an id and its name on each line, with a tab or blanks between them, as ImageNet's `synset_words.txt`,
  `LOC_synset_mapping.txt` and `words.txt`;
- JSON that maps an id to its name, or has such a map under `id2label`, as a `config.json` of Hugging Face;
- JSON that maps a class index to its id and name, as the `imagenet_class_index.json` of Keras.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.images import Found, Image, found_in
from modicum.sources.labels import json_of, lines_of

EXPECTED = "expected an id and its name on each line, or JSON of names by id"
EXAMPLE = "Write one line for each label of the images, such as: n01440764 tench"
JSON_EXAMPLE = 'Write an object with the name of each id, such as {"n01440764": "tench"}'
ID2LABEL = "id2label"


def found_with_names(source: str | Path, labels: str | Path | None = None, names: str | Path | None = None) -> Found:
    """The images of `source` as `found_in` has them, with the names in the file `names` in place of their labels.

    Raises:
        InvalidSource: as `found_in`; or `names` is not valid, lacks a name, or names two labels of the images equally.
    """
    found = found_in(source, labels)
    if names is None:
        return found
    if not any(image.label for image in found.images):
        raise InvalidSource(f"{names}: the images have no labels, so there is nothing to name; leave this file out")
    skipped = tuple(file for file in found.skipped.files if Path(source, file) != Path(names))
    return Found(named(found.images, Path(names)), replace(found.skipped, files=skipped))


def label_names(path: Path) -> Mapping[str, str]:
    """The names in a file, by their ids.

    Raises:
        InvalidSource: the file cannot be read, has another form, has no name for an id, or has an id twice.
    """
    names: dict[str, str] = {}
    for where, identity, name in _json_pairs(path) if path.suffix.lower() == ".json" else _lines(path):
        if not isinstance(name, str) or not identity or not name.strip():
            raise InvalidSource(f"{where}: {EXPECTED}; got {str((identity, name))[:80]}")
        if identity in names:
            raise InvalidSource(f"{where}: {printable(identity)} already has a name; remove one of them")
        names[identity] = name.strip()
    if not names:
        raise InvalidSource(f"{path}: {EXPECTED}; found none. {EXAMPLE}")
    return names


def named(images: Sequence[Image], path: Path) -> list[Image]:
    """The images with the names of their labels. Images without a label stay without one.

    Raises:
        InvalidSource: the file is not valid, a label has no name in it, or two labels of the images have the same name.
    """
    names = label_names(path)
    labels = dict.fromkeys(image.label for image in images if image.label)
    absent = [label for label in labels if label not in names]
    if absent:
        item = next(image.item for image in images if image.label == absent[0])
        more = f" (labels without one: {len(absent)})" if len(absent) > 1 else ""
        raise InvalidSource(
            f"{printable(item)}: its label {printable(absent[0])} has no name in {path}{more}; add the missing names, "
            "or remove these images"
        )
    _refuse_equal_names(labels, names, path)
    return [replace(image, label=names[image.label]) if image.label else image for image in images]


def _refuse_equal_names(labels: Mapping[str, Any], names: Mapping[str, str], path: Path) -> None:
    first: dict[str, str] = {}
    for label in labels:
        before = first.setdefault(names[label], label)
        if before != label:
            raise InvalidSource(
                f"{path}: {printable(before)} and {printable(label)} are both called {printable(names[label])}; give "
                "each id the name of its class in the model"
            )


def _lines(path: Path) -> Iterator[tuple[str, str, object]]:
    """Yield where a line stands, its id, and what follows it."""
    for number, line in enumerate(lines_of(path), start=1):
        if line.strip():
            identity, _, name = line.strip().partition("\t" if "\t" in line.strip() else " ")
            yield f"{path} line {number}", identity.strip(), name


def _json_pairs(path: Path) -> Iterator[tuple[str, str, object]]:
    """Yield where a name stands, its id, and the name."""
    document = json_of(path, f"{path}: {EXPECTED}")
    entries = document.get(ID2LABEL, document) if isinstance(document, dict) else None
    if not isinstance(entries, dict):
        raise InvalidSource(f"{path}: {EXPECTED}; got {type(document).__name__}. {JSON_EXAMPLE}")
    for key, value in entries.items():
        match value:
            case [str() as identity, str() as name]:
                yield f"{path}: {printable(key)}", identity, name
            case _:
                yield f"{path}: {printable(key)}", key, value
