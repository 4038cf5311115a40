"""Options of `modicum audit` that `modicum gate` finds in the policy instead: it says so where one of them is given."""

import itertools
from collections.abc import Sequence
from typing import Any

from modicum.cli.registration import Command
from modicum.cli.renamed_options import NEW_NAMES
from modicum.gate.schemas import POLICY, schema_of

#: Options that are not called as their key under `audit` is, with what to write there.
OTHERWISE_CALLED = {"--no-controls": "controls: []", "--stopping": "stopping: true"}
#: Options whose key under `audit` has another name, with that key.
KEYS = {"--target-rule": "target"}
CONTROL = "--control"


class JudgingCommand(Command):
    """A command that audits as a policy says."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; an unknown option that a policy may hold is named with its line there."""
        given = tuple(args)  # parsing empties the list
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if says := under_audit(getattr(error, "option_name", ""), given):
                vars(error).update(message=says, possibilities=())
            raise


def under_audit(option: str, given: Sequence[str]) -> str:
    """Say which line under `audit` of a policy takes the place of an option of `modicum audit`; empty if none does.

    `given` are the arguments, among which the option has its values.
    """
    today = NEW_NAMES.get(option, option)
    key = KEYS.get(today, today.removeprefix("--").replace("-", "_"))
    if today in OTHERWISE_CALLED:
        line = OTHERWISE_CALLED[today]
    elif option == CONTROL:
        line = f"controls: [{', '.join(_values(option, given))}]"
    elif key in schema_of(POLICY)["properties"]["audit"]["properties"]:
        line = f"{key}: {_written(_values(option, given))}"
    else:
        return ""
    return f"{option} belongs under `audit` in the policy ({line})"


def _written(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]" if values else "..."


def _values(option: str, given: Sequence[str]) -> list[str]:
    """What was given for an option, as `--option VALUE` or `--option=VALUE`."""
    after = [value for name, value in itertools.pairwise(given) if name == option]
    return after + [one.removeprefix(f"{option}=") for one in given if one.startswith(f"{option}=")]
