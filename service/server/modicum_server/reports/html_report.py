"""The report for people: one self-contained HTML file without requests. All variable text is escaped.

The page is a pure function of its arguments. Its first screen says and shows what was found and what to do. Then come
the controls under their questions, the distributions, the photographs, how it was measured, and what it does not prove.
Its one script filters the photographs. The page's policy allows that script and the style sheet by their digests.
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from modicum.gate.tones import tag_of

from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.measures.number_words import asked_text, confidence_text, share_text, short_name
from modicum_server.reports.choice import cards_of_a_section
from modicum_server.reports.comparisons import checks, pairs
from modicum_server.reports.counterfactuals import CounterfactualPage, counterfactual_pages
from modicum_server.reports.gallery import LoadImage, scene_of
from modicum_server.reports.lines import overview
from modicum_server.reports.matrix import matrices
from modicum_server.reports.openings import Drawn, first_screen
from modicum_server.reports.sections import Sketch, sections
from modicum_server.reports.spots import example_images, spot_pages
from modicum_server.reports.wording import acceleration_text, reason_text, version_names, versions_text


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
    called = version_names(document)
    sketches = _sketches(document, load_image, inputs, labels)
    drawn = dict(zip(sketches, sections(sketches, findings), strict=True))
    scenes = {version: sketch.scene for (version, _), sketch in sketches.items()}
    images = example_images(document.get("spots", ()), findings)
    checked, paired = checks(document, called), counterfactual_pages(document, scenes, called)
    by_version = {test["model_version"]: page for test, page in _with_pages(document, paired)}
    screen = first_screen(document, Drawn(drawn, scenes, by_version, checked), images, called)
    page = _environment().get_template("report.html.j2")
    return page.render(
        **_frame(document, called),
        document=document,
        sections=list(drawn.values()),
        checks=checked,
        spots=spot_pages(document, images, scenes, called),
        counterfactuals=paired,
        pairs=pairs(document, called),
        matrices=matrices(document, called),
        opening=screen.opening,
        board=screen.board,
        overview=overview([section.figures for section in drawn.values()]),
        reviews=_reviews(document),
    ).encode()


def _with_pages(
    document: Mapping[str, Any], pages: Sequence[CounterfactualPage]
) -> Iterator[tuple[Mapping[str, Any], CounterfactualPage]]:
    return zip(document.get("counterfactuals", ()), pages, strict=True)


def _frame(document: Mapping[str, Any], called: Callable[[str], str]) -> dict[str, Any]:
    """What a page has besides its measures: title, summaries, the levels of its figures, style and script."""
    asked = asdict(DEFAULTS) | document["specification"].get("statistics", {})  # documents of before have none
    style, script = _part("style.css"), _part("report.js")
    return {
        "title": _title(document, called),
        "failed": _failed(document["models"]),
        "deleted": document.get("deleted", ()),
        "summaries": [(called(m["model_version"]), m.get("summary", ())) for m in document["models"]],
        "level": asked_text(asked["level"]),
        "alpha": asked_text(asked["alpha"]),
        "style": Markup(style),  # noqa: S704  a file of this package
        "style_hash": _digest(style),
        "script": Markup(script),  # noqa: S704  a file of this package
        "script_hash": _digest(script),
    }


def _reviews(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What blind reviews say, which a report may have beside the result."""
    return [{**review, "tag": tag_of(review["outcome"])} for review in document.get("reviews", ())]


def _part(name: str) -> str:
    return resources.files("modicum_server.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The digest by which the page's policy allows an element with this text."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _sketches(
    document: Mapping[str, Any],
    load_image: LoadImage,
    inputs: Mapping[str, InputSpecification],
    labels: Mapping[str, Sequence[str]],
) -> dict[tuple[str, int], Sketch]:
    called = version_names(document)
    most = cards_of_a_section(sum(len(model["searches"]) for model in document["models"]))
    planned = tuple(plan["control"] for plan in document["specification"]["controls"])
    sketches = {}
    for place, model in enumerate(document["models"], start=1):
        version = model["model_version"]
        for index, result in enumerate(model["searches"]):
            scene = scene_of(document, version, result["search"]["fill"], load_image, inputs=inputs, labels=labels)
            anchor = f"model-{place}-search-{index + 1}"
            sketches[version, index] = Sketch(anchor, called(version), result, scene, most, planned)
    return sketches


def _title(document: Mapping[str, Any], called: Callable[[str], str]) -> str:
    return f"{_whose(document, called)} on the data set {short_name(document['dataset']['name'])}"


def _failed(models: Sequence[Mapping[str, Any]]) -> str:
    """Return in words how many images have no result: where searches differ, the most. Empty where all have one."""
    counts = {search["counts"]["failed"] for model in models for search in model["searches"]}
    most = max(counts, default=0)
    return f" ({'at most ' if len(counts) > 1 else ''}{most:,} without a result)" if most else ""


def _whose(document: Mapping[str, Any], called: Callable[[str], str]) -> str:
    """What was audited: a version, an ensemble with its members, or a number of versions."""
    models, checks = document["models"], document.get("mitigation", ())
    if len(models) == 1:
        return called(models[0]["model_version"])
    if checks and len(models) == 1 + len(checks[0]["members"]):
        return f"{called(checks[0]['ensemble'])}, an ensemble, and its {len(checks[0]['members'])} members"
    return versions_text([model["model_version"] for model in models])


@cache
def _environment() -> Environment:
    """Return the environment, which compiles each template once."""
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
        share=share_text,
        short_name=short_name,
        thousands=lambda number: f"{number:,}",
    )
    return environment
