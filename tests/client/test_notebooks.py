"""Values in a notebook: what their HTML says first, that it is escaped and bounded, and that it can be read."""

import base64
import gzip
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest
from modicum.findings import Subset, finding_of
from modicum.gate.tones import Tone
from modicum.notebooks.markup import COLOURS, MOST_BYTES
from modicum.notebooks.pictures import mask_png
from modicum.results import result_of
from modicum.snapshots import AuditState, snapshot_of
from modicum.v1 import audit_pb2, model_pb2, verdict_pb2
from modicum.verdicts import verdict_value
from modicum.versions import version_value
from PIL import Image

from tests.client.test_results import DOCUMENT, ROW, UNREADABLE

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
#: Attributes by which a page loads something, and what they may hold here.
LOADING = {"src", "href", "action", "formaction", "data", "poster", "srcset", "xlink:href"}


class Page(HTMLParser):
    """The tags of a piece of HTML with their attributes, its words, and whether each tag is closed in order."""

    VOID = frozenset({"img", "br"})

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def result(models=None, rows=(ROW, UNREADABLE), **changed):
    (model,) = DOCUMENT["models"]
    document = {**DOCUMENT, "models": models or [{**model, **changed}]}
    return result_of(document, gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows)))


def told(rows=(ROW, UNREADABLE), **changed):
    """A result of a version with a summary, names of classes and the reading of a spot test."""
    (model,) = DOCUMENT["models"]
    reading = {"control": "spot", "text": "a spot decides.", "outcome": "SHORTCUT"}
    searches = [{**search, "readings": [reading]} for search in model["searches"]]
    summary = ["A small spot decides class owl.", "Look at its pictures."]
    return result(rows=rows, **{"searches": searches, "summary": summary, "class_labels": ["cat", "owl"], **changed})


def snapshot(**changed):
    message = audit_pb2.Audit(name="projects/default/audits/night", state=audit_pb2.Audit.STATE_RUNNING)
    message.progress.images_done, message.progress.images_total = 12, 40
    return replace(snapshot_of(message), **changed)


def verdict(summary="FAIL: 1 of 1 rules fails", title="Overinterpretation", rules=1, **changed):
    worst = verdict_pb2.Verdict.Check(
        model_version=ROW["model_version"],
        subject="class 7",
        outcome=verdict_pb2.Verdict.OUTCOME_FAIL,
        unit="share",
        n=60,
    )
    worst.value, worst.interval.low, worst.interval.high, worst.interval.level = 0.34, 0.28, 0.41, 0.95
    rule = verdict_pb2.Verdict.Rule(
        id="overinterpretation",
        title=title,
        level=verdict_pb2.Verdict.LEVEL_ERROR,
        outcome=verdict_pb2.Verdict.OUTCOME_FAIL,
        requirement="at most 10%",
        worst=worst,
    )
    message = verdict_pb2.Verdict(
        name="projects/default/verdicts/v",
        audit="projects/default/audits/night",
        model_versions=[ROW["model_version"]],
        outcome=verdict_pb2.Verdict.OUTCOME_FAIL,
        summary=summary,
        rules=[rule] * rules,
    )
    return replace(verdict_value(message), create_time=datetime(2026, 1, 1, tzinfo=UTC), **changed)


def test_a_result_says_its_summary_first_then_the_outcome_with_its_shape():
    page = Page(told()._repr_html_())

    assert page.text.startswith("m/1: A small spot decides class owl. the spot test ◆ shortcut Look at its pictures.")
    assert "Overinterpretation rate 62% 55% to 69% 58" in page.text
    assert "2 images, 1 eligible, 1 with subset, 1 failed" in page.text


def test_a_result_shows_its_subsets_with_the_names_of_their_classes():
    page = Page(told()._repr_html_())

    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert image["alt"] == "the mask: 3 of 6 pixels are kept"
    assert "smallest: 3 of 6 pixels (50%), 0.91 owl; cat/a.jpg" in page.text


def test_three_subsets_of_many_are_shown_by_their_size():
    subset = ROW["subset"]
    rows = [{**ROW, "item": f"{size}.png", "subset": {**subset, "size": size}} for size in (5, 1, 4, 2, 3)]

    page = Page(replace(told(), findings=tuple(map(finding_of, rows)))._repr_html_())

    assert re.findall(r"(smallest|median|largest): (\d)", page.text) == [
        ("smallest", "1"),
        ("median", "3"),
        ("largest", "5"),
    ]


def test_a_rate_stands_beside_its_class_targeted_companion():
    measures = Page(told()._repr_html_()).text

    assert re.findall(r"Overinterpretation rate[^%]* \d+%", measures) == [
        "Overinterpretation rate 62%",
        "Overinterpretation rate, class-targeted 58%",
    ]


def test_a_finding_says_what_suffices_and_shows_its_mask():
    page = Page(finding_of(ROW)._repr_html_())

    assert page.text.startswith("3 of 6 pixels (50%) suffice: confidence 0.91 in class 1.")
    assert [tag for tag, _ in page.tags].count("img") == 1


def test_a_finding_of_a_result_calls_classes_by_name():
    (finding, _) = told(class_labels=["cat", "owl"]).findings

    page = Page(finding._repr_html_())

    assert page.text.startswith("3 of 6 pixels (50%) suffice: confidence 0.91 in owl.")
    assert "predicted class owl (class 1)" in page.text
    assert "found 4 pixels for cat" in page.text


@pytest.mark.parametrize(
    ("row", "labels", "line"),
    [
        (ROW, ("cat", "owl"), "cat/a.jpg, m/1, search 0: 3 of 6 pixels (50%) suffice: confidence 0.91 in owl"),
        (ROW, (), "cat/a.jpg, m/1, search 0: 3 of 6 pixels (50%) suffice: confidence 0.91 in class 1"),
        ({**UNREADABLE, "item": "b\n.jpg"}, (), "b\\x0a.jpg, m/1, search 0: no subset: the image cannot be decoded"),
    ],
)
def test_a_finding_prints_as_one_line(row, labels, line):
    printed = repr(replace(finding_of(row), class_labels=labels))

    assert printed.startswith(f"<Finding {line}")
    assert len(printed.splitlines()) == 1


def test_findings_print_as_their_counts_and_their_parts_one_by_one():
    findings = told(rows=(ROW, {**ROW, "search_index": 1}, {**UNREADABLE, "position": 1})).findings

    assert repr(findings) == "<3 findings of 2 images, 2 with a subset>"
    assert repr(findings[:1]).startswith("(<Finding cat/a.jpg, m/1, search 0: ")
    assert repr(told(rows=()).findings) == "<0 findings of 0 images, 0 with a subset>"


def test_a_finding_without_a_subset_says_why_and_shows_no_confidence():
    page = Page(finding_of(UNREADABLE)._repr_html_())

    assert page.text.startswith("No subset: the image cannot be decoded")
    assert "confidence on the whole image" not in page.text
    assert "img" not in [tag for tag, _ in page.tags]


@pytest.mark.parametrize(("height", "width"), [(2, 3), (1, 1), (28, 28), (7, 17)])
def test_the_picture_of_a_mask_is_the_mask(height, width):
    mask = np.random.default_rng(0).random((height, width)) < 0.5
    subset = Subset(np.packbits(mask).tobytes(), height, width, int(mask.sum()), float(mask.mean()))

    with Image.open(io.BytesIO(mask_png(subset))) as opened:
        assert np.array_equal(np.asarray(opened), mask)


def test_a_mask_that_makes_a_large_picture_is_left_out():
    noise = np.random.default_rng(0).random((512, 512)) < 0.5
    large = Subset(np.packbits(noise).tobytes(), 512, 512, int(noise.sum()), 0.5)

    page = Page(replace(finding_of(ROW), subset=large)._repr_html_())

    assert "img" not in [tag for tag, _ in page.tags]


def test_an_audit_says_how_far_it_is():
    page = Page(snapshot(remaining_seconds=90.0, waits_for_worker=True)._repr_html_())

    assert page.text.startswith("▸ night running and waits for a free worker: 12 of 40 findings")
    assert "time left at most 90 s" in page.text


def test_an_audit_says_what_it_waits_for():
    page = Page(snapshot(waiting_reason="the artifact store is full")._repr_html_())

    assert page.text.startswith("▸ night running and waits, because the artifact store is full: 12 of 40 findings")


@pytest.mark.parametrize("state", list(AuditState))
def test_every_state_of_an_audit_has_a_shape(state):
    assert Page(replace(snapshot(), state=state)._repr_html_()).text[0] in "○▸✓✕□"


def test_an_audit_that_failed_says_why():
    page = Page(
        snapshot(
            failure_detail="the model gave NaN", failure_reason="NOT_FINITE", state=AuditState.FAILED
        )._repr_html_()
    )

    assert page.text.startswith("✕ night failed: the model gave NaN")


def test_a_verdict_says_its_summary_first_and_each_rule_in_a_row():
    page = Page(verdict()._repr_html_())

    assert page.text.startswith("FAIL: 1 of 1 rules fails ◆ fail audit night of m/1")
    row = "Overinterpretation (overinterpretation) error m/1: class 7: 34% (28% to 41%), n = 60 at most 10%"
    assert row in page.text


def hostile_values():
    """Values in which every text comes from somebody who means harm."""
    row = {**ROW, "item": HOSTILE, "model_version": HOSTILE}
    shown = told(model_version=HOSTILE, stamp=HOSTILE, summary=[HOSTILE] * 3, class_labels=[HOSTILE] * 2)
    finding = replace(finding_of(row), class_labels=(HOSTILE,) * 2)
    return {
        "result": replace(shown, findings=(finding,)),
        "finding": finding,
        "reason": finding_of({**UNREADABLE, "reason": HOSTILE, "item": HOSTILE}),
        "snapshot": snapshot(name=HOSTILE, failure_detail=HOSTILE, reused_from=HOSTILE, stage=HOSTILE),
        "verdict": verdict(summary=HOSTILE, title=HOSTILE, audit=HOSTILE, model_versions=(HOSTILE,)),
    }


@pytest.mark.parametrize("kind", list(hostile_values()))
def test_no_text_becomes_a_tag_and_nothing_is_run_or_loaded(kind):
    page = Page(hostile_values()[kind]._repr_html_())

    assert {tag for tag, _ in page.tags} <= {
        *("div", "p", "strong", "span", "table", "tr", "th", "td", "figure", "figcaption", "img")
    }
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert "url(" not in attributes.get("style", "")
        for name in LOADING & attributes.keys():
            assert attributes[name].startswith("data:image/png;base64,")
    assert "alert(1)" in page.text


@pytest.mark.parametrize("name", ["\udc80.jpg", "\u202egpj.exe"])
def test_a_name_that_cannot_be_shown_is_written_in_hexadecimal(name):
    shown = finding_of({**ROW, "item": name})._repr_html_()

    assert shown.encode()
    assert name not in shown


def test_the_card_of_a_result_of_a_thousand_findings_is_small():
    bits = np.random.default_rng(0).random((224, 224)) < 0.05
    mask = base64.b64encode(np.packbits(bits)).decode()
    subset = {"mask": mask, "height": 224, "width": 224, "size": int(bits.sum()), "fraction": 0.05}
    rows = [{**ROW, "position": at, "subset": subset} for at in range(1000)]

    html = replace(told(), findings=tuple(map(finding_of, rows)))._repr_html_()

    assert html.count("<img") == 3
    assert len(html.encode()) < 200_000


def test_no_card_exceeds_its_bytes_and_it_says_that_something_is_left_out():
    long = "&" * 10_000
    (model,) = told().document["models"]
    (search,) = model["searches"]
    named = {
        f"{long}{at}": {**measure, "place": "headline"} for at in range(50) for measure in search["measures"].values()
    }
    models = [{**model, "summary": [long] * 50, "searches": [{**search, "measures": named}]}] * 50

    shown = result(models=models)._repr_html_()
    judged = verdict(summary=long, title=long, rules=500)._repr_html_()

    for html in (shown, judged):
        assert len(html.encode()) < MOST_BYTES + 1_000
        Page(html)
    assert "result.models" in shown
    assert "verdict.rules" in judged


def test_a_version_without_a_search_is_shown():
    assert (
        Page(result(searches=[], summary=["Nothing was searched."])._repr_html_()).text == "m/1: Nothing was searched."
    )


def luminance(colour):
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("tone", list(Tone))
@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
def test_every_shape_can_be_seen_on_light_and_on_dark(tone, background):
    lighter, darker = sorted((luminance(COLOURS[tone]), luminance(background)), reverse=True)

    assert (lighter + 0.05) / (darker + 0.05) >= 3


def test_text_keeps_the_colour_of_the_notebook():
    coloured = [
        re.findall(r"(?<![-\w])(?:color|background)\s*:\s*([^;]+)", attributes.get("style", ""))
        for _, attributes in Page(told()._repr_html_()).tags
        if attributes.get("aria-hidden") != "true"
    ]

    assert {colour for found in coloured for colour in found} <= {"inherit", "transparent"}


@pytest.mark.parametrize("value", [told(), finding_of(ROW), snapshot(), verdict()])
def test_tables_take_the_colour_around_them_in_any_page(value):
    tables = [attributes for tag, attributes in Page(value._repr_html_()).tags if tag == "table"]

    assert tables
    assert all("color:inherit" in attributes["style"] for attributes in tables)


def test_the_classes_of_a_version_have_names():
    named, unnamed = told(), result()
    version = ROW["model_version"]

    assert [named.class_name(version, index) for index in (0, 1, 2, None)] == ["cat", "owl", "class 2", ""]
    assert unnamed.class_name(version, 1) == "class 1"


def test_a_caption_breaks_a_name_that_is_wider_than_its_picture():
    card = told(rows=[{**ROW, "item": f"king crab/{'n' * 60}.jpg"}])._repr_html_()

    captions = re.findall("<figcaption[^>]*>", card)
    assert captions
    assert all("overflow-wrap:anywhere" in one for one in captions)


def test_a_version_prints_without_its_thousand_labels():
    labels = [f"class-{number}" for number in range(1000)]
    version = version_value(model_pb2.ModelVersion(name="projects/p/models/m/versions/1", state=3, class_labels=labels))

    assert len(version.class_labels) == 1000
    assert "class-7" not in repr(version)
