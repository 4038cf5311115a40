"""The manifest of a data set: JSON Lines, one object per item. Equal images give equal bytes."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from modicum.sources.contents import Content, bytes_content
from modicum.sources.images import Image

HASHING_THREADS = 4


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts of a data set: the manifest itself, the contents of the images, one per item, and of their objects."""

    content: Content
    images: tuple[Content, ...] = field(repr=False)
    objects: tuple[Content, ...] = field(repr=False, default=())

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest. Equal images with equal names and labels have equal digests."""
        return self.content.digest

    @property
    def item_count(self) -> int:
        """Number of items."""
        return len(self.images)


def manifest_of(images: Sequence[Image], on_hashed: Callable[[int], None] | None = None) -> Manifest:
    """The manifest of images. `on_hashed` is called with the number of images hashed so far.

    Raises:
        InvalidSource: an image, or its mask, cannot be read.
    """
    contents: list[Content] = []
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        for content in pool.map(lambda image: image.content(), images):
            contents.append(content)
            if on_hashed:
                on_hashed(len(contents))
        objects = list(pool.map(lambda image: image.objects and image.objects.content(), images))
    lines = [_line(*one) for one in zip(images, contents, objects, strict=True)]
    object_contents = tuple(content for content in objects if content is not None)
    return Manifest(bytes_content("".join(lines).encode(), "manifest"), tuple(contents), object_contents)


def _line(image: Image, content: Content, objects: Content | None) -> str:
    entry = {"image": content.digest, "item": image.item}
    if image.label:
        entry["label"] = image.label
    if image.objects is not None and objects is not None:
        entry[image.objects.kind] = objects.digest
    return json.dumps(entry, sort_keys=True, ensure_ascii=False) + "\n"
