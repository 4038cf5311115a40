"""The outputs of a verdict by the suffix of their file."""

import json
from collections.abc import Callable, Mapping

from modicum.gate.rendering.gitlab import code_quality, metrics
from modicum.gate.rendering.junit import junit
from modicum.gate.rendering.markdown import markdown
from modicum.gate.rendering.page import page
from modicum.gate.rendering.sarif import sarif
from modicum.gate.rendering.words import Document


def as_json(verdict: Document) -> bytes:
    """Return the verdict itself."""
    return (json.dumps(verdict, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


#: The first suffix that a file's name ends in decides.
FORMS: Mapping[str, Callable[[Document], bytes]] = {
    ".codequality.json": code_quality,
    ".metrics.txt": metrics,
    ".json": as_json,
    ".xml": junit,
    ".md": markdown,
    ".sarif": sarif,
    ".html": page,
}
