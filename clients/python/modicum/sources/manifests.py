"""The manifest of a data set: JSON Lines, one object an item, always the same bytes for the same pictures."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from modicum.sources.contents import Content, bytes_content
from modicum.sources.pictures import Picture

HASHING_THREADS = 4


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a data set is made of: the manifest's own bytes, the pictures' contents, one per item, their objects'."""

    content: Content
    pictures: tuple[Content, ...] = field(repr=False)
    objects: tuple[Content, ...] = field(repr=False, default=())

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: equal pictures and labels under equal names have equal digests."""
        return self.content.digest

    @property
    def item_count(self) -> int:
        """Items."""
        return len(self.pictures)


def manifest_of(pictures: Sequence[Picture], hashed: Callable[[int], None] | None = None) -> Manifest:
    """The manifest of `pictures`; `hashed` is told how many of them are hashed.

    Raises:
        InvalidSource: a picture, or its mask, cannot be read.
    """
    contents: list[Content] = []
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        for content in pool.map(lambda picture: picture.content(), pictures):
            contents.append(content)
            if hashed:
                hashed(len(contents))
        objects = list(pool.map(lambda picture: picture.objects and picture.objects.content(), pictures))
    lines = [_line(*one) for one in zip(pictures, contents, objects, strict=True)]
    told = tuple(content for content in objects if content is not None)
    return Manifest(bytes_content("".join(lines).encode(), "manifest"), tuple(contents), told)


def _line(picture: Picture, content: Content, objects: Content | None) -> str:
    entry = {"image": content.digest, "item": picture.item}
    if picture.label:
        entry["label"] = picture.label
    if picture.objects is not None and objects is not None:
        entry[picture.objects.kind] = objects.digest
    return json.dumps(entry, sort_keys=True, ensure_ascii=False) + "\n"
