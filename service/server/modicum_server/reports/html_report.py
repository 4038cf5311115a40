"""The report for people: one self-contained HTML file without requests and scripts. All variable text is escaped.

The page is a pure function of its arguments. It first says what was found, then shows it, and then explains how it was
measured and what it does not prove.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.measures.number_words import asked_text, confidence_text, short_name
from modicum_server.reports.comparisons import checks, pairs
from modicum_server.reports.counterfactuals import counterfactual_pages
from modicum_server.reports.gallery import LoadImage, scene_of
from modicum_server.reports.lines import overview
from modicum_server.reports.matrix import matrices
from modicum_server.reports.sections import Sketch, sections
from modicum_server.reports.spots import spot_pages
from modicum_server.reports.wording import acceleration_text, reason_text, version_names


def render_html(
    document: Mapping[str, Any],
    findings: Iterable[Finding],
    load_image: LoadImage,
    *,
    inputs: Mapping[str, InputSpecification],
    labels: Mapping[str, Sequence[str]],
) -> bytes:
    """Return the page.

    Args:
        document: the result document.
        findings: the findings, iterated twice. (A one-shot iterator is read into memory.)
        load_image: bytes of an image by digest; None where they are not stored any more.
        inputs: the input specification of each version, by resource name; without one its photographs are not shown.
        labels: class labels of each version, by resource name; a class without one is shown by its number.
    """
    if isinstance(findings, Iterator):
        findings = list(findings)
    page = _environment().get_template("report.html.j2")
    called = version_names(document)
    asked = asdict(DEFAULTS) | document["specification"].get("statistics", {})  # documents of before have none
    sketches = _sketches(document, load_image, inputs, labels)
    drawn = sections(sketches, findings)
    scenes = {version: sketch.scene for (version, _), sketch in sketches.items()}
    return page.render(
        document=document,
        sections=drawn,
        overview=overview([section.figures for section in drawn]),
        pairs=pairs(document, called),
        checks=checks(document, called),
        matrices=matrices(document, called),
        summaries=[(called(m["model_version"]), m.get("summary", ())) for m in document["models"]],
        summarised=any(model.get("summary") for model in document["models"]),
        spots=spot_pages(document, findings, scenes, called),
        counterfactuals=counterfactual_pages(document, scenes, called),
        title=_title(document),
        level=asked_text(asked["level"]),
        alpha=asked_text(asked["alpha"]),
    ).encode()


def _sketches(
    document: Mapping[str, Any],
    load_image: LoadImage,
    inputs: Mapping[str, InputSpecification],
    labels: Mapping[str, Sequence[str]],
) -> dict[tuple[str, int], Sketch]:
    called = version_names(document)
    sketches = {}
    for place, model in enumerate(document["models"], start=1):
        version = model["model_version"]
        for index, result in enumerate(model["searches"]):
            scene = scene_of(document, version, result["search"]["fill"], load_image, inputs=inputs, labels=labels)
            sketches[version, index] = Sketch(f"model-{place}-search-{index + 1}", called(version), result, scene)
    return sketches


def _title(document: Mapping[str, Any]) -> str:
    names = [version_names(document)(model["model_version"]) for model in document["models"]]
    return f"{', '.join(names)} on {short_name(document['dataset']['name'])}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("modicum_server.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        acceleration=acceleration_text,
        confidence=confidence_text,
        reason=reason_text,
        short_name=short_name,
        thousands=lambda number: f"{number:,}",
    )
    return environment
