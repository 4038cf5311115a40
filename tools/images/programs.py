"""What must be installed to build and to run images without an engine, and running it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

#: Debian's package of each program.
PACKAGES = {"buildah": "buildah", "debootstrap": "debootstrap", "bwrap": "bubblewrap", "setpriv": "util-linux"}
#: Where root has programs that the path of other users may lack.
ROOTS_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"


class ImageError(Exception):
    """What went wrong, in one sentence for whoever runs the tool."""


def demand(*programs: str, roots_folders: str = ROOTS_FOLDERS) -> None:
    """Check that these programs are here, and that root asks.

    Raises:
        ImageError: a program is missing, or the caller is not root.
    """
    missing = [program for program in programs if found(program, roots_folders) is None]
    if missing:
        packages = " ".join(PACKAGES[program] for program in missing)
        raise ImageError(f"not installed: {', '.join(missing)}; run apt-get install --no-install-recommends {packages}")
    if os.geteuid() != 0:
        raise ImageError(
            "images are built and run as root, because their files belong to root and to user 10001: use sudo"
        )


def found(program: str, roots_folders: str = ROOTS_FOLDERS) -> str | None:
    """Return the path of a program, or None."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{roots_folders}")


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
    """Run a program and show what it prints.

    Raises:
        ImageError: it failed.
    """
    sys.stdout.flush()
    done = subprocess.run([found(command[0]) or command[0], *command[1:]], env=environment, check=False)  # noqa: S603
    if done.returncode:
        raise ImageError(f"{command[0]} ended with code {done.returncode}; its own messages stand above")


def output(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """Return what a program prints.

    Raises:
        ImageError: it failed; the message has its last line.
    """
    done = subprocess.run(  # noqa: S603
        [found(command[0]) or command[0], *command[1:]], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ImageError(f"{command[0]} ended with code {done.returncode}: {said}")
    return done.stdout
