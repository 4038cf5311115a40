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
smartquotes = False  # `--option` stays as it is typed
default_role = "code"  # docstrings write `code` as Markdown does
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"

_RELATIVE_LINK = re.compile(r"\[(?P<words>[^\]]+)\]\((?P<path>\.\./[\w./-]+)(?:#[\w-]+)?\)")


def setup(app: Sphinx) -> None:
    """Generate the reference, and let links leave the site."""
    write_pages(HERE / "_generated")
    app.connect("source-read", _leave_the_site)


def _leave_the_site(app: Sphinx, page: str, source: list[str]) -> None:
    """Let a link to a Markdown file outside docs/ download it, and name a folder without a link."""
    folder = (Path(app.srcdir) / page).parent

    def link(found: re.Match[str]) -> str:
        target = (folder / found["path"]).resolve()
        if target.is_dir():
            return found["words"]
        outside = target.suffix == ".md" and not target.is_relative_to(HERE)
        return f"[{found['words']}](path:{found['path']})" if outside else found[0]

    source[0] = _RELATIVE_LINK.sub(link, source[0])
