"""Filters of the pages: a name means one thing."""

import runpy

import pytest
from jinja2.filters import FILTERS as JINJA_FILTERS
from modicum_server.transports.http.pages import rendering, review_words


def test_two_filters_with_one_name_are_refused_at_import(monkeypatch):
    monkeypatch.setattr(review_words, "FILTERS", {**review_words.FILTERS, "moment": str})

    with pytest.raises(TypeError, match="'moment'"):
        runpy.run_path(rendering.__file__)


def test_no_filter_hides_one_of_jinja():
    assert rendering.FILTERS.keys().isdisjoint(JINJA_FILTERS)
