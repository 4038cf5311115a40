"""The one version of the distributions: `version` in the pyproject.toml of the root.

python tools/version.py            copies it to where packaging needs it written out: the two other pyproject.toml,
                                   what the server requires of them, and the package of the TypeScript client
python tools/version.py --check    only says which copies differ
"""

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ROOT = REPOSITORY / "pyproject.toml"
#: After the name of the package: that of others stands after theirs.
NPM = re.compile(r'("name": "@modicum/client",\s+"version": ")[^"]+(")')
#: By file, patterns for the lines that contain the version between two groups.
COPIES = {
    ROOT: re.compile(r'^(    "modicum(?:-sis)?==)[^"]+(",)$', re.MULTILINE),
    REPOSITORY / "clients/python/pyproject.toml": re.compile(r'^(version = ")[^"]+(")$', re.MULTILINE),
    REPOSITORY / "service/sis/pyproject.toml": re.compile(r'^(version = ")[^"]+(")$', re.MULTILINE),
    REPOSITORY / "clients/typescript/package.json": NPM,
    REPOSITORY / "clients/typescript/package-lock.json": NPM,
}


def current() -> str:
    """Read the version of the root's pyproject.toml."""
    return str(tomllib.loads(ROOT.read_text(encoding="utf-8"))["project"]["version"])


def differences() -> "list[str]":
    """Name the files whose copy of the version differs."""
    return [
        f"{path.relative_to(REPOSITORY)}: not version {current()}" for path, text in _copied() if text != _text(path)
    ]


def _copied() -> "list[tuple[Path, str]]":
    """List every file with copies, and the text that it should have."""
    return [(path, line.sub(rf"\g<1>{current()}\g<2>", _text(path))) for path, line in COPIES.items()]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("\n".join(differences()) or None)
    for path, text in _copied():
        path.write_text(text, encoding="utf-8")
    print(f"version {current()} in {', '.join(str(path.relative_to(REPOSITORY)) for path in COPIES)}")
