"""`modicum policy`: write a policy to begin with, check one, and say in words what it does."""

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, stdout
from modicum.cli.registration import Group, command
from modicum.errors import InvalidArgument, OutputNotWritten
from modicum.gate.explanation import explained
from modicum.gate.policy import Level, Policy
from modicum.gate.policy_file import read_policy

app = typer.Typer(cls=Group, no_args_is_help=True, help="Write, check and explain the policy of a gate.")

DEFAULT_FILE = Path("modicum.yaml")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The policy.")]


def policy_from(path: Path) -> Policy:
    """Read a policy; waivers are compared with today's date (UTC)."""
    return read_policy(path, today=datetime.now(UTC).date())


@command(app)
def init(file: PolicyFile = DEFAULT_FILE) -> None:
    """Write a policy with comments, to begin with. A file that exists is left as it is."""
    text = resources.files("modicum.gate").joinpath("starting_policy.yaml").read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as output:
            output.write(text)
    except FileExistsError:
        raise InvalidArgument(f"{file}: expected a new file, but it exists; remove it or name another") from None
    except OSError as error:
        raise OutputNotWritten(f"{file}: could not be written: {error.strerror}") from error
    print_text(stdout(), f"wrote {file}; `modicum policy explain {file}` says what it does")


@command(app)
def check(file: PolicyFile = DEFAULT_FILE, *, as_json: options.Json = False) -> None:
    """Check a policy. Every problem is printed with its line and column, and ends with exit code 2."""
    policy = policy_from(file)
    if as_json:
        print_json({"file": policy.file, "digest": policy.digest, "rules": {one.id: one.level for one in policy.rules}})
        return
    errors = sum(rule.level is Level.ERROR for rule in policy.rules)
    print_text(stdout(), f"{file}: valid; {errors} rules of level error, {len(policy.rules) - errors} of level warn")


@command(app)
def explain(file: PolicyFile = DEFAULT_FILE) -> None:
    """Say in words what a policy does: each rule, when it passes, and what it needs."""
    for line in explained(policy_from(file)):
        print_text(stdout(), line)
