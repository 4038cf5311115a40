"""The comparison of searches with and without a gradient, by what the spot test finds with their subsets."""

import torch
from modicum_server.model_process.small_cnn import small_cnn

from benchmarks.planted.cases import CLASSES
from benchmarks.planted.forward import SEARCHES, forward_cases, forward_row, forward_table
from benchmarks.planted.networks import Trained


def row(number: int, *, clean: bool, flagged: list[int], share: float = 0.9) -> dict:
    case = next(case for case in forward_cases() if case.clean is clean)
    audit = {"shown": 300, "subsets": 150, "flagged": flagged, "outcome": "SUFFICIENT" if flagged else "NONE_FOUND"}
    return {
        **case.as_json(),
        "name": f"{case.name} {number}",
        "truth": {"followed": {} if clean else {str(one): share for one in case.cue.classes}},
        "audits": [{**audit, "searched_by": by.name} for by in SEARCHES],
    }


def test_the_networks_are_plain_ones_with_a_local_cue_and_clean_ones_that_were_set_aside():
    networks = forward_cases()

    assert len({case.name for case in networks}) == len(networks)
    assert all(case.architecture == "plain" for case in networks)
    assert all(case.set_aside if case.clean else case.cue.has_place for case in networks)
    assert {case.clean for case in networks} == {True, False}


def test_a_cue_is_found_by_its_own_class_alone():
    own = forward_cases()[0].cue.classes[0]
    rows = [
        row(0, clean=False, flagged=[own]),
        row(1, clean=False, flagged=[own + 100]),
        row(2, clean=True, flagged=[]),
    ]

    text = "\n".join(forward_table(rows))

    assert "| search | images with a subset | found, at least half follow |" in text
    assert text.count("| 50% | 1 of 2 | 0 of 1 | 1 of 1 |") == len(SEARCHES)


def test_each_search_audits_the_same_images_of_a_network():
    images = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(40) % CLASSES
    network = Trained(small_cnn(CLASSES, 3).eval(), (0.5,) * 3, (0.25,) * 3, images, images, labels)

    audits = forward_row(forward_cases()[0], network)["audits"]

    assert [audit["searched_by"] for audit in audits] == [by.name for by in SEARCHES]
    assert {audit["shown"] for audit in audits} == {40}
    assert [audit["search_passes"] for audit in audits] == [0, 25, 75, 150, 300, 600, 150]
