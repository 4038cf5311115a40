"""The first screen of a page: the opening of its version, or the board of several. Knows no HTML."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum_server.domain.searches import Control, TargetRule
from modicum_server.measures.measure import measure_from_json
from modicum_server.reports.board import Board, board_of
from modicum_server.reports.comparisons import Check
from modicum_server.reports.counterfactuals import CounterfactualPage
from modicum_server.reports.gallery import Scene
from modicum_server.reports.opening import Opening, OpeningFacts, opening_of
from modicum_server.reports.pictured import Shown, of_spots
from modicum_server.reports.sections import Section
from modicum_server.reports.spots import ExampleImage
from modicum_server.reports.wording import brief_names


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """Either the opening of the one version, or the board of several."""

    opening: Opening | None
    board: Board | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn of a document already: sections and scenes by version and search, pairs by version, the checks."""

    sections: Mapping[tuple[str, int], Section]
    scenes: Mapping[str, Scene]
    pairs: Mapping[str, CounterfactualPage]
    checks: Sequence[Check]


def first_screen(
    document: Mapping[str, Any],
    drawn: Drawn,
    images: Mapping[tuple[str, int], ExampleImage],
    called: Callable[[str], str],
) -> FirstScreen:
    """Return the first screen of a page; `images` are those of the spot test's examples, `called` names a version."""
    facts = [_facts(document, model, drawn, images) for model in document["models"]]
    openings = [opening_of(one) for one in facts]
    if len(openings) == 1:
        return FirstScreen(openings[0], None)
    brief = brief_names([model["model_version"] for model in document["models"]])
    names = {called(version): f"{name}{_stamp(called(version))}" for version, name in brief.items()}
    return FirstScreen(None, board_of(openings, [one.section for one in facts], drawn.checks, names))


def _stamp(name: str) -> str:
    """What a name ends with in brackets, with a space before it; empty without."""
    return f" {name[name.rindex('(') :]}" if name.endswith(")") else ""


def _facts(
    document: Mapping[str, Any],
    model: Mapping[str, Any],
    drawn: Drawn,
    images: Mapping[tuple[str, int], ExampleImage],
) -> OpeningFacts:
    version = model["model_version"]
    spots, pairs = (_of_version(document.get(name, ()), version) for name in ("spots", "counterfactuals"))
    index = _search_told(model) if spots is None else spots["search_index"]
    return OpeningFacts(
        section=drawn.sections[version, index],
        measured={name: measure_from_json(one) for name, one in model["searches"][index]["measures"].items()},
        spots=spots,
        pairs=pairs,
        spot_asked=any(plan["control"] == Control.SPOT for plan in document["specification"]["controls"]),
        spot_pictures=Shown() if spots is None else of_spots(spots, images, drawn.scenes[version]),
        pair_page=drawn.pairs.get(version),
    )


def _of_version(tests: Sequence[Mapping[str, Any]], version: str) -> Mapping[str, Any] | None:
    return next((test for test in tests if test["model_version"] == version), None)


def _search_told(model: Mapping[str, Any]) -> int:
    """The first search for the predicted class; the first one where all are for another class."""
    predicted = TargetRule.PREDICTED.value
    rules = [result["search"]["target_rule"] for result in model["searches"]]
    return rules.index(predicted) if predicted in rules else 0
