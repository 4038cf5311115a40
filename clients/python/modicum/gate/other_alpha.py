"""A result as it would be at another alpha: overinterpretation rates are counted again from the rows. Searches nothing.

The verdict on an ensemble holds at every alpha: it goes by sizes and accuracy. Rates that stand beside it are left out,
and so is the caution about them; other cautions stay.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modicum.gate.measured_again import again, taken_by
from modicum.gate.row_facts import RowFacts
from modicum.gate.searched import searched

Document = Mapping[str, Any]
OF_ENSEMBLE = "overinterpretation_rate_difference"
RATE_CAUTION = "the overinterpretation rate is not clearly lower than the members'"
"""What stands beside a verdict MITIGATED, at the result's alpha."""
RATES = (
    "overinterpretation_rate",
    "overinterpretation_rate_with_baseline_confident",
    "overinterpretation_rate_class_targeted",
)


def at_alpha(document: Document, alpha: float) -> dict[str, Any]:
    """Return the document with its rates at `alpha`; it must have rows."""
    statistics = {**document["specification"]["statistics"], "alpha": alpha}
    models = [
        {
            **model,
            "searches": [
                {**search, "measures": {**search["measures"], **_rates(search["measures"], images, alpha)}}
                for search, images in searches
            ],
        }
        for model, searches in searched(document)
    ]
    specification = {**document["specification"], "statistics": statistics}
    return {**document, "specification": specification, "models": models, "mitigation": list(_checks(document))}


def _checks(document: Document) -> Iterator[dict[str, Any]]:
    """The checks of ensembles without what is about the rate at the result's alpha."""
    for check in document.get("mitigation", ()):
        cautions = [caution for caution in check.get("cautions", ()) if caution != RATE_CAUTION]
        versions = {name: _without_rates(one) for name, one in check.get("versions", {}).items()}
        yield {**_without_rates(check), "cautions": cautions, "versions": versions}


def _without_rates(part: Document) -> dict[str, Any]:
    measures = {name: one for name, one in part.get("measures", {}).items() if name not in {OF_ENSEMBLE, *RATES}}
    return {**part, "measures": measures}


def _rates(measures: Document, images: Sequence[RowFacts], alpha: float) -> dict[str, Any]:
    """The rates of a search at another alpha. Intervals are made again at the level that a policy asks for."""
    moved = [replace(one, scene=replace(one.scene, alpha=alpha)) for one in images]
    return {name: _rate(name, measures[name], moved, alpha) for name in RATES if name in measures}


def _rate(name: str, measure: Document, images: Sequence[RowFacts], alpha: float) -> dict[str, Any]:
    taken = taken_by(name, measure)
    assert taken is not None, "rates are counted"
    counted = again(taken, images, 0.95, list(measure.get("groups", {})))
    groups = {
        index: _with(group, counted["groups"][index], alpha) for index, group in measure.get("groups", {}).items()
    }
    return {**_with(measure, counted, alpha), **({"groups": groups} if groups else {})}


def _with(measure: Document, counted: Document, alpha: float) -> dict[str, Any]:
    parameters = {**measure["parameters"], **counted["parameters"], "alpha": alpha}
    return {**measure, "n": counted["n"], "value": counted["value"], "interval": None, "parameters": parameters}
