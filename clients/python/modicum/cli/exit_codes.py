"""How every command ends: with an exit code from one table, and a message on stderr instead of a traceback."""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, ParamSpec

import typer

from modicum import errors
from modicum.cli import interrupts
from modicum.cli.consoles import discard, flush_results, print_error
from modicum.resource_names import printable

DONE = 0
VIOLATED = 1
USAGE = 2
NOT_COMPLETED = 3
INCONCLUSIVE = 4
REFUSED = 5
INTERRUPTED = interrupts.INTERRUPTED

#: The first class that the error is an instance of decides. Any other error has NOT_COMPLETED.
CODE_OF_CLASS: tuple[tuple[type[errors.ModicumError], int], ...] = (
    (errors.ModelRejected, REFUSED),
    (errors.DataRefused, REFUSED),
    (errors.ModelFolderRefused, REFUSED),
    (errors.InvalidArgument, USAGE),
    (errors.NotFound, USAGE),
    (errors.AlreadyExists, USAGE),
    (errors.FailedPrecondition, USAGE),
    (errors.Unauthenticated, USAGE),
    (errors.PermissionDenied, USAGE),
    (errors.NotServed, USAGE),
    (errors.ServerNotInstalled, USAGE),
)

#: Reasons with an exit code of their own.
CODE_OF_REASON = {
    "MODEL_REJECTED": REFUSED,
    "DATASET_DIFFERS": REFUSED,
    "ARTIFACT_TOO_LARGE": REFUSED,
    "AUDIT_NOT_SUCCEEDED": NOT_COMPLETED,
    "ARTIFACT_MISSING": NOT_COMPLETED,
}

P = ParamSpec("P")


def exit_code(error: errors.ModicumError) -> int:
    """The exit code of an error."""
    if error.reason in CODE_OF_REASON:
        return CODE_OF_REASON[error.reason]
    return next((code for kind, code in CODE_OF_CLASS if isinstance(error, kind)), NOT_COMPLETED)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with every error turned into a message and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with interrupts.raising():
                command(*args, **kwargs)
            flush_results()
        except errors.ModicumError as error:
            print_error(f"{error} [{error.reason}]")
            raise typer.Exit(exit_code(error)) from None
        except KeyboardInterrupt:
            print_error("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            discard(sys.stdout)
            raise typer.Exit(DONE) from None
        except (typer.Exit, typer.BadParameter):
            raise
        except UnicodeEncodeError as error:
            print_error(f"expected text and names in UTF-8, got {printable(str(error.object))}; convert or rename it")
            raise typer.Exit(USAGE) from None
        except Exception as error:  # noqa: BLE001  # a bug in modicum; the user gets a message as for any other failure
            _give_up(error)

    return run


def _give_up(error: Exception) -> NoReturn:
    if os.environ.get("MODICUM_TRACEBACK") == "1":
        traceback.print_exception(error)
    print_error(
        f"a bug in modicum: {type(error).__name__}: {error}; please report it with the traceback that "
        "MODICUM_TRACEBACK=1 shows"
    )
    raise typer.Exit(NOT_COMPLETED) from None
