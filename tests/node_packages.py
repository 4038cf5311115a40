"""The TypeScript client, with what it is built and tested with, where node, npm and a registry are there."""

import fcntl
import hashlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.machine import missing, program

CLIENT = Path(__file__).parents[1] / "clients" / "typescript"
LOCK = CLIENT / "package-lock.json"
MODULES = CLIENT / "node_modules"
INSTALLED = MODULES / ".installed"
OLDEST_NODE = (20, 19)
INSTALL_SECONDS = 300
NPM_SECONDS = 300


def installed() -> Path:
    """The folder of the client with its packages. They are installed once, by whichever process asks first."""
    _require_node()
    npm = program("npm", package="npm")
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    with _alone():
        if not INSTALLED.exists() or INSTALLED.read_text() != wanted:
            words = [npm, "ci", "--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
            done = subprocess.run(
                words, cwd=CLIENT, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
            )
            if done.returncode != 0:
                missing(f"npm could not install the packages of the TypeScript client: {done.stderr[-300:]}")
            INSTALLED.write_text(wanted)
    return CLIENT


def packed(folder: Path) -> Path:
    """The package as `npm pack` makes it, in a folder. It is built anew."""
    installed()
    with _alone():
        npm("pack", "--pack-destination", folder)
    (archive,) = folder.glob("*.tgz")
    return archive


def npm(*words: object, environment: Mapping[str, str] | None = None) -> str:
    """What npm prints in the folder of the client. The test fails with it if npm fails."""
    done = subprocess.run(
        ["npm", *map(str, words)],
        cwd=CLIENT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=NPM_SECONDS,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def _require_node() -> None:
    said = subprocess.run([program("node", package="nodejs"), "--version"], capture_output=True, text=True, check=True)
    found = re.match(r"v(\d+)\.(\d+)", said.stdout)
    if found is None or tuple(map(int, found.groups())) < OLDEST_NODE:
        missing(f"expected node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer, got {said.stdout.strip()}")


@contextmanager
def _alone() -> Iterator[None]:
    """One process of `make test` at a time."""
    with LOCK.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
