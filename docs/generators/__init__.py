"""Reference pages from the code. Each module has `page() -> str`: Markdown that a page of docs/ includes."""

from pathlib import Path

from docs.generators import metrics, settings

PAGES = {"settings": settings.page, "metrics": metrics.page}


def write_pages(folder: Path) -> None:
    """Write every generated page into the folder; a page that stays the same keeps its time, so Sphinx skips it."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        file, text = folder / f"{name}.md", page()
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
