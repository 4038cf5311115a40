"""What an image costs: each layer, and the largest packages of its environment."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.images.storage import Storage

MEGABYTE = 1_000_000
#: Packages below this stand together in one row.
LARGE_BYTES = 20 * MEGABYTE
STEP_CHARACTERS = 72
#: Folders that hold packages of several distributions, each shown by itself.
SHARED = ("nvidia",)


@dataclass(frozen=True, slots=True)
class Cost:
    """A row: what it is, and its size."""

    what: str
    size_bytes: int


def layers_of(storage: Storage, image: str) -> list[Cost]:
    """Return the layers of an image, its base first."""
    known = json.loads((storage.folder / "root" / "overlay-layers" / "layers.json").read_text())
    sizes = {layer["diff-digest"]: layer["diff-size"] for layer in known if "diff-size" in layer}
    return costs(storage.document(image), sizes)


def costs(document: Mapping[str, Any], sizes: Mapping[str, int]) -> list[Cost]:
    """Return the layers of an image's document (OCI), with the size of each digest in bytes. Empty steps have none."""
    steps = [step for step in document["history"] if not step.get("empty_layer")]
    digests = document["rootfs"]["diff_ids"]
    return [Cost(_short(step.get("created_by", "")), sizes[each]) for step, each in zip(steps, digests, strict=True)]


def packages_of(environment: Path, *, large_bytes: int = LARGE_BYTES) -> list[Cost]:
    """Return the large packages in a virtual environment, the largest first, and the others as one."""
    [folder] = environment.glob("lib/python*/site-packages")
    parts = [part for part in folder.iterdir() if part.name not in SHARED]
    parts += [part for shared in SHARED for part in folder.glob(f"{shared}/*")]
    found = [Cost(str(part.relative_to(folder)), _size(part)) for part in parts]
    large = [cost for cost in found if cost.size_bytes >= large_bytes]
    rest = sum(cost.size_bytes for cost in found) - sum(cost.size_bytes for cost in large)
    return [*sorted(large, key=lambda cost: -cost.size_bytes), Cost("the others", rest)]


def table(head: str, rows: Iterable[Cost]) -> str:
    """Return rows as a table of Markdown, in MB, with their sum."""
    every = list(rows)
    every.append(Cost("**together**", sum(cost.size_bytes for cost in every)))
    lines = [f"| {cost.what.replace('|', chr(92) + '|')} | {cost.size_bytes / MEGABYTE:,.1f} |" for cost in every]
    return "\n".join([f"| {head} | MB |", "|---|---|", *lines])


def _short(step: str) -> str:
    words = " ".join(step.removeprefix("/bin/sh -c ").removeprefix("#(nop) ").split())
    kept = [word for word in words.split(" ") if not word.startswith(("--mount=", "file:", "dir:"))]
    text = " ".join(kept)
    return text if len(text) <= STEP_CHARACTERS else f"{text[: STEP_CHARACTERS - 3]}..."


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.lstat().st_size for file in files if file.is_file() and not file.is_symlink())
