"""The temperature at which a member is eligible on as many images as its ensemble."""

import pytest
from modicum_server.measures.matched_temperatures import TEMPERATURES, matched_temperature, temperature_of


@pytest.mark.parametrize(
    ("critical", "eligible", "expected"),
    [
        ([4.0, 1.0, 0.25], 1, 2.0),
        ([0.25, 4.0, 1.0], 2, 1.0),
        ([0.25, 0.8, 0.5], 2, 0.3536),
        ([4.0, 2.0, 3.0], 3, 1.0),
        ([4.0, 1.0, 0.25], 3, 0.25),
        ([4.0, 1.0, 0.25], 7, 0.25),
        ([4.0, 1.0], 0, 1.0),
        ([], 3, 1.0),
    ],
)
def test_the_temperature_makes_as_many_images_eligible(critical, eligible, expected):
    temperature = matched_temperature(critical, eligible=eligible)

    assert temperature == pytest.approx(expected, rel=2e-3)
    if 0 < eligible <= len(critical):
        assert sum(one >= temperature for one in critical) == eligible


def test_a_search_for_which_no_temperature_was_chosen_runs_at_1():
    chosen = {TEMPERATURES: {"1": {"member": 1.4}}}

    assert temperature_of(chosen, 1, "member") == 1.4
    assert temperature_of(chosen, 0, "member") == 1
    assert temperature_of(chosen, 1, "ensemble") == 1
    assert temperature_of({}, 1, "member") == 1
