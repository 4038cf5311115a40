"""Files of a folder that are skipped, because they are not images or cannot be read here."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from modicum.resource_names import printable
from modicum.sources import converted, lfs

#: Files that are named; further ones are counted.
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Skipped:
    """Skipped files, by their paths in the source. As text, it counts and names them, and says what would help.

    `further` are those of the files that are pictures of a sample that already has one, `pointers` those that stand for
    a picture in Git LFS. `note` says why the images have no labels, or which contradict their class folders, and
    `boxes` how many boxes of objects are left out. Both are empty if there is nothing to say.
    """

    files: tuple[str, ...] = ()
    further: frozenset[str] = frozenset()
    pointers: frozenset[str] = frozenset()
    note: str = ""
    boxes: str = ""

    def __str__(self) -> str:
        """Those that can be had come first; empty if nothing is skipped or noted."""
        further = [name for name in self.files if name in self.further]
        pointers = [name for name in self.files if name in self.pointers]
        files = [name for name in self.files if name not in self.further | self.pointers]
        pictures = [name for name in files if PurePosixPath(name).suffix.lower() in converted.SUFFIXES]
        others = [name for name in files if name not in set(pictures)]
        parts = []
        if pointers:
            parts.append(f"pointers of Git LFS, not pictures ({lfs.ADVICE}): {named(pointers)}")
        if pictures:
            parts.append(f"no library here reads {named(pictures)} ({converted.INSTALL} adds one)")
        if others:
            parts.append(f"not images: {named(others)}")
        if further:
            parts.append(f"further pictures of a sample: {named(further)}")
        count = "1 file is" if len(self.files) == 1 else f"{len(self.files):,} files are"
        skipped = f"{count} skipped: {'; '.join(parts)}" if parts else ""
        return "\n".join(filter(None, (skipped, self.note, self.boxes)))


NOTHING_SKIPPED = Skipped()


def named(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    shown = list(names)
    more = f" and {len(shown) - MOST_NAMED:,} more" if len(shown) > MOST_NAMED else ""
    return ", ".join(map(printable, shown[:MOST_NAMED])) + more
