"""The images that the client finds in a source, as a list."""

from pathlib import Path

from modicum.sources.images import Image, found_in


def find_images(source: str | Path, labels: str | Path | None = None) -> list[Image]:
    """The images of a source, in the order of their items."""
    return list(found_in(source, labels).images)
