"""A page that has something still says how to add another one."""

import re

import pytest
from modicum_server.usecases.pages import PageRequest

from tests.pages.page_reading import whole
from tests.pages.pages_stage import ADA, PROJECT, Seen

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


class TestOfARejectedModel:
    """A project whose only model was rejected."""

    @pytest.fixture
    def rejected(self, empty_scene):
        """The name of its version. Whatever the test registers is gone afterwards."""
        scene = empty_scene
        version = scene.run(scene.unchecked("guess"))

        async def reject() -> None:
            async with scene.store.transaction() as transaction:
                await transaction.models.reject(version, reason="STATE_DICT_MISMATCH", detail="expected 23 keys, got 6")

        scene.run(reject())
        yield version
        able = scene.services.use_cases
        for model in scene.run(able.models.page(ADA, PROJECT, PageRequest())).rows:
            scene.run(able.models.delete(ADA, model.name))

    def test_the_form_of_a_new_audit_says_that_it_was_rejected_and_leads_to_it(self, empty_scene, rejected):
        seen = empty_scene.browser("otto").get(f"/{PROJECT}/new-audit")

        assert f'The only version, <a href="/{rejected}">guess version 1</a>, was rejected' in seen.text
        assert "No model is registered yet" not in seen.text
        assert f"{MODEL} resnet18" in seen.text

    def test_no_page_of_it_offers_an_audit_that_would_be_refused(self, empty_scene, rejected):
        browser = empty_scene.browser("otto")

        pages = [browser.get(f"/{path}") for path in (rejected, f"{PROJECT}/models/guess", PROJECT)]

        assert not any("/new-audit?model=" in seen.text for seen in pages)

    @pytest.mark.long
    def test_several_models_without_a_ready_version_are_listed_with_their_states(self, empty_scene, rejected):
        pending = empty_scene.run(empty_scene.unchecked("not-checked"))

        seen = empty_scene.browser("otto").get(f"/{PROJECT}/new-audit")

        assert "No model version is READY." in whole(seen)
        assert f'<a href="/{pending}">not-checked version 1</a>' in seen.text
        assert "guess version 1 REJECTED" in whole(seen)
        assert "not-checked version 1 PENDING" in whole(seen)
