"""Manifests: the JSON Lines of a data set, read a chunk at a time.

Everything here blocks: 100,000 lines take seconds. It is called in a thread.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modicum_server.domain.datasets import DatasetItem
from modicum_server.errors import DatasetEmpty, DatasetTooLarge, FieldInvalid, ManifestInvalid
from modicum_server.usecases.objects import refuse_both
from modicum_server.usecases.rules import check, shown

LONGEST_LINE_BYTES = 16_384
LINES_AN_ITEM = 2
"""A manifest has at most so many lines for each item that the server takes: empty ones are left out."""
KEYS = frozenset({"item", "image", "label", "boxes", "mask"})


def read_manifest(chunks: Iterable[bytes], *, most_items: int) -> list[DatasetItem]:
    """Read the items of a manifest in order.

    Raises:
        ManifestInvalid: names the line and what is wrong with it.
        DatasetEmpty, DatasetTooLarge
    """
    items: list[DatasetItem] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(_lines(chunks, most_lines=LINES_AN_ITEM * most_items), start=1):
        if not line.strip():
            continue
        if len(items) == most_items:
            raise DatasetTooLarge(f"the data set has more than {most_items:,} items, the most that this server accepts")
        item = _read_line(line, number)
        refuse_both(item, number)
        if item.item in seen:
            raise _invalid(number, f"the item {shown(item.item)} is already in line {seen[item.item]}")
        seen[item.item] = number
        items.append(item)
    if not items:
        raise DatasetEmpty
    return items


def _lines(chunks: Iterable[bytes], *, most_lines: int) -> Iterator[bytes]:
    rest = b""
    number = 0
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            if number > most_lines:
                raise DatasetTooLarge(f"the manifest has more than {most_lines:,} lines; leave out the empty ones")
            _require_length(line, number)
            yield line
        _require_length(rest, number + 1)
    if rest:
        yield rest


def _require_length(line: bytes, number: int) -> None:
    if len(line) > LONGEST_LINE_BYTES:
        raise _invalid(number, f"the line is longer than {LONGEST_LINE_BYTES:,} bytes")


def _read_line(line: bytes, number: int) -> DatasetItem:
    try:
        row = json.loads(line, object_pairs_hook=lambda pairs: _refuse_duplicate_keys(pairs, number))
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise _invalid(number, "the line is not JSON") from None
    if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
        raise _invalid(number, "expected one JSON object whose values are strings")
    if strange := sorted(row.keys() - KEYS):
        raise _invalid(number, f"the key {shown(strange[0])} is not known; the keys are {', '.join(sorted(KEYS))}")
    try:
        return _item(row)
    except FieldInvalid as error:
        raise _invalid(number, str(error)) from None


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]], number: int) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        double = next(key for key in keys if keys.count(key) > 1)
        raise _invalid(number, f"the key {shown(double)} is given twice")
    return dict(pairs)


def _item(row: Mapping[str, Any]) -> DatasetItem:
    item = DatasetItem(
        item=row.get("item", ""),
        image_digest=row.get("image", ""),
        label=row.get("label", ""),
        boxes_digest=row.get("boxes", ""),
        mask_digest=row.get("mask", ""),
    )
    check("item", item.item)
    check("image", item.image_digest, "digest")
    check("label", item.label)
    for key, digest in (("boxes", item.boxes_digest), ("mask", item.mask_digest)):
        if digest:
            check(key, digest, "digest")
    return item


def _invalid(number: int, what: str) -> ManifestInvalid:
    return ManifestInvalid(f"line {number} of the manifest: {what}", line=str(number))
