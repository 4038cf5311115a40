"""Reference pages from the code: each module has functions that return Markdown, which a page of docs/ includes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generators import commands, measures, metrics, packages, rest, settings

PAGES: Mapping[str, Callable[[], str]] = {
    "modicum": commands.client_page,
    "modicum-server": commands.server_page,
    "sdk": packages.client_page,
    "library": packages.library_page,
    "rest-operations": rest.operations_page,
    "error-reasons": rest.reasons_page,
    "measures": measures.page,
    "metrics": metrics.page,
    "settings": settings.page,
}


def write_pages(folder: Path) -> None:
    """Write every generated page into the folder; a page that stays the same keeps its time, so Sphinx skips it."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        file, text = folder / f"{name}.md", page()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
