"""The place of a call or of work in a trace, as W3C Trace Context writes it: text that travels in rows and messages.

Knows no library of traces. Where nobody collects traces, every such text is empty.
"""

import re
from dataclasses import dataclass

_HEADER = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII
)


def known_traceparent(given: str) -> str:
    """Return a `traceparent` of version 00 with the same ids and flags; empty for one that W3C says to ignore."""
    found = _HEADER.fullmatch(given)
    if found is None or (found[1] == "00" and found[5]):
        return ""
    return f"00-{found[2]}-{found[3]}-{found[4]}"


def trace_id_of(traceparent: str) -> str:
    """Return the id of the trace that a `traceparent` belongs to; empty without one."""
    return traceparent[3:35]


@dataclass(frozen=True, slots=True)
class Cause:
    """The call that work was queued for: its request id, and its place in a trace. Either may be empty."""

    request_id: str = ""
    traceparent: str = ""


NO_CAUSE = Cause()
