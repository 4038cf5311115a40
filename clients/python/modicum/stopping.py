"""How an audit may end early, and its message, which the server reads too. The words: `modicum.gate.stopping`."""

import re
from collections.abc import Sequence

from modicum.arguments import checked_list
from modicum.errors import InvalidArgument
from modicum.gate.stopping import ShareLimit, Stopping
from modicum.v1 import audit_pb2

_LIMIT = re.compile(r"\s*([a-z][a-z0-9_-]*)\s*(<=|>=)\s*(\d*\.?\d+(?:e-?\d+)?)\s*", re.ASCII)


def share_limit(text: str) -> ShareLimit:
    """The limit in `text`: MEASURE<=SHARE or MEASURE>=SHARE, with hyphens or underscores.

    Raises:
        InvalidArgument: says what was expected and what came.
    """
    found = _LIMIT.fullmatch(text)
    if found is None or not 0 < float(found[3]) < 1:
        raise InvalidArgument(
            f"stopping: expected MEASURE<=SHARE or MEASURE>=SHARE with a share above 0 and below 1, for example "
            f"'overinterpretation-rate<=0.1' (in a shell with the quotes); got {text!r}"
        )
    name, share = found[1].replace("-", "_"), float(found[3])
    if found[2] == "<=":
        return ShareLimit(measure=name, at_most=share)
    return ShareLimit(measure=name, at_least=share)


def stopping_at(given: Stopping | Sequence[str] | None) -> Stopping | None:
    """How an audit ends early at limits such as 'accuracy>=0.9'; None without any. A `Stopping` is what it says.

    Raises:
        InvalidArgument: one is no limit.
    """
    if given is None or isinstance(given, Stopping):
        return given
    limits = checked_list(given, "stopping", "limits, e.g. ['accuracy>=0.9']")
    return Stopping(limits=tuple(map(share_limit, limits)), within_ends=True) if limits else None


def stopping_message(stopping: Stopping) -> audit_pb2.Stopping:
    """The message."""
    return audit_pb2.Stopping(
        limits=[
            audit_pb2.ShareLimit(
                measure=limit.measure,
                search_index=limit.search_index,
                at_most=limit.at_most,
                at_least=limit.at_least,
                error=limit.error,
                class_label=limit.class_label,
            )
            for limit in stopping.limits
        ],
        within_ends=stopping.within_ends,
        least_eligible_images=stopping.least_eligible_images,
    )


def stopping_value(message: audit_pb2.Stopping) -> Stopping:
    """How an audit may end early, from a message."""
    return Stopping(
        limits=tuple(_limit_value(limit) for limit in message.limits),
        within_ends=message.within_ends,
        least_eligible_images=message.least_eligible_images,
    )


def _limit_value(message: audit_pb2.ShareLimit) -> ShareLimit:
    given = {field.name: value for field, value in message.ListFields()}
    return ShareLimit(measure=given.pop("measure", ""), **given)
