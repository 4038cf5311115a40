"""The pictures of docs/architecture.md, drawn from what they show: `python -m docs.drawings` writes them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.drawings import layers, way

IMAGES = Path(__file__).parents[1] / "images"
DRAWINGS: Mapping[str, Callable[[], str]] = {
    "architecture-layers.svg": layers.drawing,
    "architecture-way.svg": way.drawing,
}


def write_drawings() -> None:
    """Write every picture."""
    for name, drawing in DRAWINGS.items():
        (IMAGES / name).write_text(drawing(), encoding="utf-8")
