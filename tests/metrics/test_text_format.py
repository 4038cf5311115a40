"""Which format a scrape gets, by its Accept header."""

import pytest
from modicum_server.metrics.text_format import exposed_text, media_type_of
from prometheus_client import CollectorRegistry

OPENMETRICS = "application/openmetrics-text"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        (f"{OPENMETRICS}; version=1.0.0", f"{OPENMETRICS}; version=1.0.0; charset=utf-8; escaping=underscores"),
    ],
)
def test_a_scrape_gets_the_format_that_it_accepts(accept, expected):
    assert media_type_of(accept) == exposed_text(CollectorRegistry(), accept)[1] == expected


@pytest.mark.parametrize("version", ["nonsense", "1.x", "1.0.0.0.0", "7", "\N{ARABIC-INDIC DIGIT THREE}", "1" * 5000])
def test_a_version_that_is_no_version_gets_the_plain_format(version):
    accept = f"{OPENMETRICS}; version={version}"

    assert media_type_of(accept) == exposed_text(CollectorRegistry(), accept)[1] == media_type_of("")
