"""Limits that the client applies before anything is sent are the server's own: it may refuse neither more nor less."""

import numpy as np
import pytest
from modicum import searches
from modicum.cli import orders
from modicum.sources import inputs, npy
from modicum_server import arrays, pictures
from modicum_server.domain import models
from modicum_server.usecases import rules

LIMITS = {
    "fewest passes of a search": (orders.FEWEST_PASSES, rules.FEWEST_PASSES),
    "channels of an input": (npy.MOST_CHANNELS, models.MOST_CHANNELS),
    "channels of a picture": (npy.PICTURE_CHANNELS, pictures.PICTURE_CHANNELS),
    "largest int32": (searches.INT32_MAX, rules.LARGEST_INT32),
    "largest int64": (searches.INT64_MAX, rules.LARGEST_INT64),
    "pixels of a side": (inputs.MOST_PIXELS, rules.LARGEST_INT32),
}


@pytest.mark.parametrize(("client", "server"), LIMITS.values(), ids=LIMITS)
def test_a_limit_of_the_client_is_the_server_s(client, server):
    assert client == server


def test_the_client_takes_arrays_of_just_the_kinds_that_the_server_reads():
    kinds = {np.dtype(kind).str[1:] for kind in npy.KINDS}

    assert kinds == {*arrays.LARGEST_VALUES, arrays.FLOAT}
