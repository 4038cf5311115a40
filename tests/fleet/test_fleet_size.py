"""How many workers a fleet is to have: the work that KEDA counts, by slots, within bounds, and slowly down."""

import re

import pytest
import yaml
from modicum_server.metrics.store_metrics import FACT_GAUGES
from modicum_server.usecases.fleet_size import WORK, FleetBounds, FleetSize, work_in, workers_for

from tests.deploy.dockerfile_reading import REPOSITORY

SCALED_OBJECT = REPOSITORY / "deploy/kubernetes/components/scaling/scaled-object.yaml"


@pytest.mark.parametrize(
    ("work", "slots", "wanted"),
    [(0, 1, 1), (1, 1, 1), (3, 1, 3), (3, 2, 2), (4, 2, 2), (5, 2, 3), (99, 1, 8), (1_000_000, 4, 8)],
)
def test_there_is_a_slot_for_each_piece_of_work_within_the_bounds(work, slots, wanted):
    assert workers_for(work, FleetBounds(least=1, most=8, slots=slots, cooldown_seconds=0)) == wanted


def test_without_work_there_is_no_worker_if_none_is_the_fewest():
    assert workers_for(0, FleetBounds(least=0, most=8, slots=1, cooldown_seconds=0)) == 0


def test_workers_come_at_once_and_go_when_none_was_needed_for_the_whole_cooldown():
    size = FleetSize(FleetBounds(least=0, most=8, slots=1, cooldown_seconds=60))
    story = [(0, 0, 0), (5, 3, 3), (10, 5, 5), (15, 1, 5), (69, 0, 5), (71, 2, 2), (130, 0, 2), (200, 0, 0)]

    assert [(at, work, size.at(at, work)) for at, work, _ in story] == story


def test_shards_that_are_held_and_erasures_are_work_too():
    assert work_in({"queued": 2.0, "held": 3.0, "erasures_running": 1.0, "oldest_queued_seconds": 9.5}) == 6


def test_keda_counts_the_same_facts():
    (trigger,) = yaml.safe_load(SCALED_OBJECT.read_text())["spec"]["triggers"]

    named = re.findall(r"modicum_\w+", trigger["metadata"]["query"])

    assert named == [FACT_GAUGES[fact][0] for fact in WORK]
