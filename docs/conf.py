"""The documentation as a site: `make docs` builds it into docs/_build.

Pages are Markdown that a code host shows as well. Reference pages include what `generators` reads off the code.
"""

import re
import sys
from pathlib import Path

from modicum.version import VERSION
from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the generators are installed nowhere

from docs.generators import write_pages  # noqa: E402  found by the line above

project = "Modicum"
author = "The Modicum authors"
project_copyright = "The Modicum authors, Apache-2.0"
version = release = VERSION
html_title = f"Modicum {release}"
html_theme = "furo"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_generated"]
myst_heading_anchors = 4
default_role = "code"  # docstrings write `code` as Markdown does
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"

_MARKDOWN_LINK = re.compile(r"\]\((?P<path>\.\./[\w./-]+\.md)(#[\w-]+)?\)")


def setup(app: Sphinx) -> None:
    """Generate the reference, and let links leave the site."""
    write_pages(HERE / "_generated")
    app.connect("source-read", _offer_outside_documents)


def _offer_outside_documents(app: Sphinx, page: str, source: list[str]) -> None:
    """Let links to Markdown outside docs/ download the file: the site has no page of it."""
    folder = (Path(app.srcdir) / page).parent

    def link(found: re.Match[str]) -> str:
        inside = (folder / found["path"]).resolve().is_relative_to(HERE)
        return found[0] if inside else f"](path:{found['path']})"

    source[0] = _MARKDOWN_LINK.sub(link, source[0])
