"""The comments of the contract, by full name. `make proto` writes them into a file, because generated code has none."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def comments() -> Mapping[str, str]:
    """Return every comment."""
    found: Mapping[str, str] = json.loads(
        files("modicum_server.generated").joinpath("contract_comments.json").read_text("utf-8")
    )
    return found


def comment_on(full_name: str) -> str:
    """Return the comment on a service, method, message, field, enum or `ENUM.VALUE`; empty without one."""
    return comments().get(full_name, "")


def summary_of(comment: str) -> str:
    """Return a comment's first sentence, without its full stop."""
    return comment.split(". ", 1)[0].removesuffix(".")
