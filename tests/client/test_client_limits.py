"""The client refuses exactly what the server would refuse."""

import math
import re

import numpy as np
import pytest
from modicum import Statistics, searches
from modicum.cli import requests, result_tables
from modicum.cli.option_words import FILL_WORDS
from modicum.errors import InvalidArgument
from modicum.gate import assumed
from modicum.gate.schemas import POLICY, schema_of
from modicum.sources import hub_folders, inputs, npy
from modicum.statistics import RANGES
from modicum_server.domain import models
from modicum_server.domain.controls import CONTROLS
from modicum_server.domain.searches import LEAST_SEARCH_PASSES, Control, Fill
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.images import arrays, pictures
from modicum_server.usecases import rules, specifications

from tests.docs.documents import ROOT

VARIANTS = {name for facts in CONTROLS.values() for name in facts.variants}
LIMITS = {
    "fewest passes of a search": (requests.FEWEST_PASSES, LEAST_SEARCH_PASSES),
    "most passes of backselect": (requests.MOST_BACKSELECT_PASSES, specifications.MOST_BACKSELECT_PASSES),
    "variants of subsets that have words": (set(result_tables.VARIANTS), VARIANTS),
    "fills of a policy": (schema_of(POLICY)["properties"]["audit"]["properties"]["fill"]["enum"], list(Fill)),
    "fills of the command": (list(FILL_WORDS), list(Fill)),
    "channels of an input": (npy.MOST_CHANNELS, models.MOST_CHANNELS),
    "channels of a picture": (npy.PICTURE_CHANNELS, pictures.PICTURE_CHANNELS),
    "largest int32": (searches.INT32_MAX, rules.LARGEST_INT32),
    "largest int64": (searches.INT64_MAX, rules.LARGEST_INT64),
    "characters of a class name": (hub_folders.LONGEST_NAME, rules.LONGEST_LABEL_CHARACTERS),
    "pixels of a side": (inputs.MOST_PIXELS, rules.LARGEST_SIDE_PIXELS),
}


@pytest.mark.parametrize(("client", "server"), LIMITS.values(), ids=LIMITS)
def test_a_limit_of_the_client_equals_that_of_the_server(client, server):
    assert client == server


def test_a_plan_without_a_result_assumes_the_passes_of_all_controls_that_run_by_default():
    scoring = sum(facts.scoring_passes for facts in CONTROLS.values() if facts.by_default)

    assert scoring <= assumed.OTHER_PASSES <= scoring + 1


@pytest.mark.parametrize("control", Control)
def test_the_client_and_the_server_agree_on_the_smallest_budget_of_every_control(control):
    assert searches.FEWEST_CONTROL_PASSES.get(control, 0) == CONTROLS[control].least_passes


@pytest.mark.parametrize("page", ["clients/python/README.md", "proto/modicum/v1/search.proto"])
def test_a_text_for_callers_names_the_smallest_budget_of_the_controls(page):
    text = " ".join((ROOT / page).read_text(encoding="utf-8").replace("//", " ").split())

    for control in (Control.CLASS_TARGETED, Control.FILL_ROBUST):
        said = re.findall(rf"\b{control.value}`? \((\d+) or more\)", text, re.IGNORECASE)
        assert said == [str(CONTROLS[control].least_passes)]


@pytest.mark.parametrize("name", RANGES)
def test_the_client_accepts_the_same_statistics_as_the_server(name):
    low, high, _ = RANGES[name]
    rule = rules.RULES[name]
    beside = [math.nextafter(end, end + step) for end in (low, high) for step in (-1, 1)]

    for value in (low, high, *beside, getattr(DEFAULTS, name), math.nan, math.inf, -math.inf):
        if rule.holds(value):
            assert getattr(Statistics(**{name: value}), name) == value
        else:
            with pytest.raises(InvalidArgument, match=f"{name}: expected {rule.text}, got"):
                Statistics(**{name: value})


def test_the_client_accepts_the_same_types_of_arrays_as_the_server():
    kinds = {np.dtype(kind).str[1:] for kind in npy.KINDS}

    assert kinds == {*arrays.WHOLE_NUMBERS, arrays.FLOAT}
