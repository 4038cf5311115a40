"""The place of a call in the caller's trace, by W3C Trace Context. Imports nothing of OpenTelemetry by itself.

A caller that has a span has imported OpenTelemetry. A command that was started within a trace has the place of its
starter in the variable TRACEPARENT, as programs that run commands set it.
"""

import os
import re
import sys
from collections.abc import Mapping

HEADER = "traceparent"
VARIABLE = "TRACEPARENT"
_FORM = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def trace_metadata(environment: Mapping[str, str] = os.environ) -> tuple[tuple[str, str], ...]:
    """Return the metadata that says where a call stands in a trace; nothing outside of one.

    The current span counts first, then the variable. A malformed variable says nothing.
    """
    inherited = environment.get(VARIABLE, "")
    traceparent = _of_current_span() or (inherited if _FORM.fullmatch(inherited) else "")
    return ((HEADER, traceparent),) if traceparent else ()


def _of_current_span() -> str:
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return ""
    place = trace.get_current_span().get_span_context()
    if not place.is_valid:
        return ""
    return f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags & 1:02x}"
