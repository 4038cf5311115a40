"""The capability of CheckMAITE: its own loader finds it, runs it, keeps it and reports it.

CheckMAITE has an environment of its own: it pins versions of a hundred packages, MAITE's among them.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

PYTHON = os.environ.get("MODICUM_TEST_CHECKMAITE", "")
MISSING = (
    "needs CheckMAITE in an environment of its own: python3 -m venv /tmp/c && /tmp/c/bin/pip install checkmaite "
    "./service/sis ./clients/python; then set MODICUM_TEST_CHECKMAITE=/tmp/c/bin/python"
)
pytestmark = [pytest.mark.long, pytest.mark.skipif(not PYTHON, reason=MISSING)]


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    program = [PYTHON, Path(__file__).with_name("checkmaite_run.py")]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_checkmaite_loads_it_by_its_entry_point(told):
    (plugin,) = [plugin for plugin in told["plugins"] if plugin["package_name"] == "modicum"]

    assert (plugin["status"], plugin["error"]) == ("loaded", None)
    assert plugin["symbols"] == ["Overinterpretation", "OverinterpretationConfig", "OverinterpretationOutputs"]


def test_it_says_which_bounds_it_needs(told):
    assert "OverinterpretationConfig(bounds=(0, 1))" in told["refused"]


def test_it_finds_the_pixel_that_decides_on_each_image(told):
    outputs = told["outputs"]

    assert told["masks"] == [[[0, 0]]] * 4
    assert [(image["label"], image["predicted_class"], image["subset_pixels"]) for image in outputs["images"]] == [
        (0, 0, 1),
        (1, 1, 1),
    ] * 2
    assert (outputs["accuracy"], outputs["eligible"], outputs["overinterpretation_rate"]) == (1, 4, 1)


def test_a_second_run_comes_from_the_cache_with_its_masks(told):
    assert told["from_cache"]


def test_the_analytics_store_gets_a_record_for_each_image(told):
    assert [record["image_id"] for record in told["records"]] == [f"picture|{number}" for number in range(4)]
    assert {record["model_id"] for record in told["records"]} == {"first-pixel"}
    assert {record["subset_fraction"] for record in told["records"]} == {1 / 64}


def test_the_report_has_a_table_and_says_what_small_subsets_do_not_show(told):
    assert "| 1: picture\\|1 | bright | bright | 1.000 | 1 | 1.56% |" in told["report"]
    assert "do not show that this one relies on a shortcut" in told["report"]
    assert "100.0% of 4; no interval" in told["report"]
