"""Files that a command writes. They are checked before any work, and written completely or not at all."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modicum.audit import ReportForm
from modicum.cli.consoles import print_error
from modicum.cli.exit_codes import DONE
from modicum.client import Audit
from modicum.errors import InvalidArgument, OutputNotWritten
from modicum.replaced_files import refusing_writes, replacing

FORM_OF_SUFFIX: dict[str, ReportForm] = {".json": "json", ".html": "html"}


@dataclass(frozen=True, slots=True)
class Output:
    """A file to write, and its form."""

    path: Path
    form: ReportForm


@dataclass(frozen=True, slots=True)
class Written:
    """The outputs that were written, and why others were not."""

    paths: tuple[Path, ...] = ()
    failures: tuple[OutputNotWritten, ...] = ()

    def __add__(self, other: "Written") -> "Written":
        """Both together."""
        return Written(self.paths + other.paths, self.failures + other.failures)


NOTHING_WRITTEN = Written()


def checked_outputs(paths: Sequence[Path], *, called: str = "output") -> tuple[Output, ...]:
    """The outputs. Each is checked to be writable. `called` is what messages call one.

    Raises:
        InvalidArgument: a suffix is unknown, a file cannot be written, or two have the same name.
    """
    refuse_overwriting(paths)
    return tuple(Output(path, FORM_OF_SUFFIX[checked_suffix(path, FORM_OF_SUFFIX, called=called)]) for path in paths)


def checked_suffix(path: Path, suffixes: Iterable[str], *, called: str = "output") -> str:
    """The first of the suffixes that the file's name ends in. The file is checked to be writable.

    Raises:
        InvalidArgument: the name ends in none of them, or the file cannot be written.
    """
    known = tuple(suffixes)
    suffix = next((one for one in known if path.name.lower().endswith(one)), None)
    if suffix is None:
        expected, came = " or ".join(known), path.suffix or "no suffix"
        raise InvalidArgument(f"{called} {path}: expected a file ending in {expected}, got {came}")
    check_place(path, called)
    return suffix


def refuse_overwriting(written: Iterable[Path], read: Iterable[Path | None] = ()) -> None:
    """Refuse to write a file that the same command reads, or to write one twice.

    Raises:
        InvalidArgument
    """
    inputs, outputs = {path.resolve() for path in read if path is not None}, set[Path]()
    for path in written:
        place = path.resolve()
        if place in inputs:
            raise InvalidArgument(f"output {path}: this command reads that file; give the output another name")
        if place in outputs and not (path.exists() and not path.is_file()):
            raise InvalidArgument(f"output {path}: two outputs have this name; give each its own file")
        outputs.add(place)


def check_place(path: Path, called: str = "output") -> None:
    """Refuse a file that cannot be written.

    Raises:
        InvalidArgument
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InvalidArgument(f"{called} {path}: its folder does not exist; create {folder} first")
    if path.is_dir() or (path.exists() and not os.access(path, os.W_OK)):
        raise InvalidArgument(f"{called} {path}: this is a folder or a read-only file; name a file that can be written")
    if path.is_file() or not path.exists():
        _try_folder(path, folder, called)


def _try_folder(path: Path, folder: Path, called: str) -> None:
    """Create and remove a file in the folder: permissions alone do not show that it can be written."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InvalidArgument(f"{called} {path}: its folder cannot be written: {error.strerror}") from error


def write_outputs(audit: Audit, outputs: Sequence[Output]) -> Written:
    """Fetch each report and write it; one that cannot be written does not keep the others back."""
    return write_each((output.path, audit.report(output.form)) for output in outputs)


def write_each(contents: Iterable[tuple[Path, bytes]]) -> Written:
    """Write each file, completely or not at all; one that cannot be written does not keep the others back."""
    done = NOTHING_WRITTEN
    for path, data in contents:
        try:
            write_file(path, data)
        except OutputNotWritten as error:
            done += Written(failures=(error,))
        else:
            done += Written((path,))
    return done


def settle_outputs(written: Written, code: int = DONE) -> None:
    """Say what was not written. That is an error of its own only where the exit code would be 0.

    A pipeline may run again what was not completed (3). It must not run a FAIL (1) again until that passes.

    Raises:
        OutputNotWritten: the exit code would be 0, and an output was not written; the others are printed.
    """
    told = written.failures[1:] if code == DONE else written.failures
    for error in told:
        print_error(f"{error} [{error.reason}]")
    if len(told) < len(written.failures):
        raise written.failures[0]


def write_file(path: Path, data: bytes) -> None:
    """Write a file, completely or not at all.

    Raises:
        OutputNotWritten: the disk is full, or permissions are missing.
    """
    with refusing_writes(path), replacing(path) as file:
        file.write(data)
