"""A page that has something still says how to add another one."""

import re

import pytest

from tests.pages.pages_stage import PROJECT, Seen

MODEL, DATASET = "modicum models create", "modicum datasets create holdout photos/"


def folded(seen: Seen) -> str:
    """What is folded away under "Add another"."""
    found = re.search("<details><summary>Add another</summary>(.*?)</details>", seen.text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("path", "commands"),
    [
        ("/models", [f"{MODEL} resnet18 --weights"]),
        ("/models/tiny", [f"{MODEL} tiny --weights"]),
        ("/datasets", [DATASET]),
        ("/new-audit", [f"{MODEL} resnet18 --weights", DATASET]),
    ],
)
def test_a_page_that_is_not_empty_has_the_command_that_adds_another_folded_away(scene, path, commands):
    seen = scene.browser("otto").get(f"/{PROJECT}{path}")

    assert all(command in folded(seen) for command in commands)
