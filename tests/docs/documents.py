"""Our files, and of those in Markdown the text, links and headings."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"(?<!\\)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
_FENCED = re.compile(r"^( *)(```+|~~~+).*?^\1\2`*\s*$", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """Every Markdown file of the repository, relative to its root."""
    return files("*.md")


def files(*patterns: str) -> list[Path]:
    """Every file of the repository with such a name, relative to its root; what git ignores is left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(Path(line) for line in listed if (ROOT / line).is_file())


@cache
def prose(document: Path) -> str:
    """The text without its fenced blocks, which hold commands and code."""
    return _FENCED.sub("", (ROOT / document).read_text(encoding="utf-8"))


def links(document: Path) -> Iterator[str]:
    """The targets of its links and pictures."""
    yield from _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(document)))


@cache
def headings(document: Path) -> tuple[str, ...]:
    """The words of its headings, without marks."""
    return tuple(found.replace("`", "").replace("*", "") for found in _HEADING.findall(prose(document)))


@cache
def anchors(document: Path) -> frozenset[str]:
    """What a link may name after `#`, as code hosts and MyST make it of the headings."""
    return frozenset(_slug(heading) for heading in headings(document))


def _slug(heading: str) -> str:
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
