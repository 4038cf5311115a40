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
    """What a data set is made of: the manifest's own bytes and the pictures' contents, one per item."""

    content: Content
    pictures: tuple[Content, ...] = field(repr=False)

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
        InvalidSource: a picture cannot be read.
    """
    contents: list[Content] = []
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        for content in pool.map(lambda picture: picture.content(), pictures):
            contents.append(content)
            if hashed:
                hashed(len(contents))
    lines = [_line(picture, content) for picture, content in zip(pictures, contents, strict=True)]
    return Manifest(bytes_content("".join(lines).encode(), "manifest"), tuple(contents))


def _line(picture: Picture, content: Content) -> str:
    entry = {"image": content.digest, "item": picture.item}
    if picture.label:
        entry["label"] = picture.label
    return json.dumps(entry, sort_keys=True, ensure_ascii=False) + "\n"
