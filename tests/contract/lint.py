"""Lints the contract and looks for breaking changes: `python -m tests.contract.lint`.

buf finds google/api through a link to the installed googleapis-common-protos. The link is made if it is missing, and
git ignores it. Breaking changes are compared with the newest tag, or with HEAD if there is none. Without git there is
no comparison.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import google.api

ROOT = Path(__file__).parent.parent.parent
PROTO = ROOT / "proto"
BUF = Path(sys.executable).parent / "buf"


def link_google_api(proto: Path) -> None:
    """Make sure that `proto/google/api` leads to the installed files."""
    link = proto / "google" / "api"
    installed = Path(next(iter(google.api.__path__)))
    for stale in (link.parent, link):  # an older link, perhaps into an environment that is gone
        if stale.is_symlink() and stale.resolve() != installed.resolve():
            stale.unlink()
    if not link.exists():
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(installed, target_is_directory=True)


def lint(proto: Path = PROTO) -> str:
    """Return buf's complaints about the contract; empty if there are none."""
    link_google_api(proto)
    return _run([str(BUF), "lint"], proto)


def breaking(proto: Path = PROTO) -> str:
    """Return the changes that would break a client of the newest tag; empty if there are none."""
    reference = _reference()
    if not reference:
        return ""
    link_google_api(proto)
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", reference, "proto"], cwd=ROOT, capture_output=True, check=True)
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        before = Path(folder) / "proto"
        link_google_api(before)
        return _run([str(BUF), "breaking", "--against", str(before)], proto)


def _reference() -> str:
    for command in (["git", "describe", "--tags", "--abbrev=0"], ["git", "rev-parse", "HEAD"]):
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.strip()
    return ""


def _run(command: Sequence[str], folder: Path) -> str:
    """Return the output of a command that failed. An empty output does not prove that it succeeded."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"{command[0]} failed"


def main() -> None:
    """Print what is wrong and exit with 1, or exit with 0."""
    if found := "\n".join(filter(None, (lint(), breaking()))):
        sys.exit(found)


if __name__ == "__main__":
    main()
