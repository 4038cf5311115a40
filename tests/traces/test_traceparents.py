"""Which texts are a place in a trace, as W3C Trace Context says."""

import pytest
from modicum_server.domain.traces import known_traceparent, trace_id_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("given", "known"),
    {
        "version 00": (f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"),
        "flags that no version has yet": (f"00-{TRACE}-{SPAN}-ff", f"00-{TRACE}-{SPAN}-ff"),
        "a later version": (f"01-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        "a later version with more": (f"cc-{TRACE}-{SPAN}-01-more", f"00-{TRACE}-{SPAN}-01"),
        "nothing": ("", ""),
        "version 00 with more": (f"00-{TRACE}-{SPAN}-01-more", ""),
        "a later version with more behind no dash": (f"cc-{TRACE}-{SPAN}-01.more", ""),
        "the version that is forbidden": (f"ff-{TRACE}-{SPAN}-01", ""),
        "no trace": (f"00-{'0' * 32}-{SPAN}-01", ""),
        "no span": (f"00-{TRACE}-{'0' * 16}-01", ""),
        "capital letters": (f"00-{TRACE.upper()}-{SPAN}-01", ""),
        "a trace that is too short": (f"00-{TRACE[1:]}-{SPAN}-01", ""),
        "a line break": (f"00-{TRACE}-{SPAN}-01\n", ""),
        "a line break behind more": (f"cc-{TRACE}-{SPAN}-01-a\nb", ""),
    }.values(),
)
def test_what_w3c_says_to_ignore_is_ignored(given, known):
    assert known_traceparent(given) == known


def test_the_id_of_a_trace_is_read_from_its_traceparent():
    assert trace_id_of(f"00-{TRACE}-{SPAN}-01") == TRACE
    assert not trace_id_of("")
