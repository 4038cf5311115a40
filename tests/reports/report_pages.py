"""Pages of example audits, and what a parser sees in them."""

import io
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
from modicum_server.reports import render_html
from PIL import Image

from tests.measures.example_audit import INPUT, LABELS, OTHER_VERSION, SIDE, VERSION, document_and_rows

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def photograph(digest: str) -> bytes:
    """A gradient as PNG, for every digest."""
    ramp = np.linspace(0, 255, SIDE * SIDE * 3).astype(np.uint8).reshape(SIDE, SIDE, 3)
    data = io.BytesIO()
    Image.fromarray(ramp).save(data, "PNG")
    return data.getvalue()


def page_of(findings, *, load_image=photograph, labels=LABELS, inputs=INPUT, **audit) -> str:
    document, rows = document_and_rows(findings, **audit)
    names = audit.get("versions", (VERSION, OTHER_VERSION))
    page = render_html(
        document,
        rows,
        load_image,
        inputs={} if inputs is None else dict.fromkeys(names, inputs),
        labels=dict.fromkeys(names, labels),
    )
    return page.decode()


@dataclass
class Reading(HTMLParser):
    """Elements, addresses and text of a page. `unbalanced` holds elements closed in the wrong place or never.

    The text is what is read out: neither style and script nor what is hidden from screen readers.
    """

    elements: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    pictures_without_text: int = 0
    forbidden: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _unread: list[bool] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.elements.append(tag)
        self.addresses += [values[name] for name in ("src", "href", "data", "action") if values.get(name)]
        self.forbidden += [name for name in values if name == "style" or name.startswith("on")]
        self.ids += [values["id"]] if "id" in values else []
        if (tag == "img" and not values.get("alt")) or (values.get("role") == "img" and not values.get("aria-label")):
            self.pictures_without_text += 1
        if tag not in VOID:
            self._open.append(tag)
            self._unread.append(tag in {"style", "script"} or values.get("aria-hidden") == "true")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()
            self._unread.pop()

    def handle_endtag(self, tag):
        if not self._open or self._open[-1] != tag:
            self.unbalanced.append(tag)
        else:
            self._open.pop()
            self._unread.pop()

    def handle_data(self, data):
        if not any(self._unread):
            self._text.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._text).split())


def card_of(page: str) -> str:
    """The first card of the gallery."""
    start = page.index('<article class="card')
    return page[start : page.index("</article>", start)]


def read(page: str) -> Reading:
    reading = Reading()
    reading.feed(page)
    reading.close()
    reading.unbalanced += reading._open
    return reading
