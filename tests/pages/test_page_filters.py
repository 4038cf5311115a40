"""Filters of the pages: a name means one thing."""

import pytest
from jinja2.filters import FILTERS as JINJA_FILTERS
from modicum_server.transports.http.pages import review_words
from modicum_server.transports.http.pages.rendering import all_filters


def test_two_filters_with_one_name_are_refused():
    with pytest.raises(TypeError, match="'moment'"):
        all_filters({**review_words.FILTERS, "moment": str})


def test_no_filter_hides_one_of_jinja():
    assert all_filters().keys().isdisjoint(JINJA_FILTERS)
