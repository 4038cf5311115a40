"""A server that reaches its database through a pooler, from the start to the result of an audit."""

import json

import pytest

from tests.acceptance.acceptance_running import running_server
from tests.acceptance.acceptance_stage import PHOTOGRAPHS
from tests.acceptance.test_acceptance_command import INPUT, WEIGHTS
from tests.poolers import pooled


@pytest.mark.long
def test_api_and_worker_serve_an_audit_over_a_pooler(short_folder, materials, empty_database_url):
    with pooled(empty_database_url) as pooler:
        places = {"MODICUM_DATABASE_URL": pooler.url, "MODICUM_DATABASE_LISTEN_URL": empty_database_url}
        with running_server(short_folder, **places) as running:
            place = running.client_place(materials)
            search = ("--threshold", 0.9, "--method", "mask_optimization", "--passes", 80)
            audit = ("audit", materials / "photos", *WEIGHTS, *INPUT, *search)

            done = place.run("modicum", *audit, "--output", short_folder / "result.json")

    assert done.code == 0, done.messages
    result = json.loads((short_folder / "result.json").read_text())
    assert result["models"][0]["searches"][0]["counts"]["with_subset"] == PHOTOGRAPHS
