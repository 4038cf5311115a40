"""Part: the HTML report of a large audit. Its size, how long it takes to make, and how it opens in Chromium.

The images are noise, which no JPEG makes small, and each finding has scattered masks on the way to its subset, so the
size is about the largest that pages of that canvas have. The findings are made up: no model runs.
"""

import hashlib
import io
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import modicum_sis.findings as sis
import numpy as np
import torch
from modicum_server.domain.audits import Audit, AuditSpecification, AuditState, ItemCounts
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.findings import Finding, Passes, Subset
from modicum_server.domain.models import InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.domain.searches import Canvas, Search, SearchMethod
from modicum_server.measures import result_document
from modicum_server.model_process.findings import NARROWING_MASKS, narrowing_of
from modicum_server.reports import render_html
from PIL import Image

IMAGES, QUICK_IMAGES = 1_000, 200
SIDE, CLASSES, THRESHOLD = 224, 100, 0.9
LARGER = 1.25
"""How much larger a mask on the way is than the next."""
PICTURES = 100
"""Different images; the audit repeats them."""
OPENINGS, QUICK_OPENINGS = 9, 3
SCREENS_SCROLLED = 40
VERSION, DATASET = "projects/default/models/large/versions/1", "projects/default/datasets/noise"
MEGABYTE = 1_000_000
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
SCROLL = """async (screens) => {
  const times = [];
  for (let screen = 1; screen <= screens; screen += 1) {
    const begun = performance.now();
    scrollTo(0, screen * innerHeight);
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - begun);
  }
  return times;
}"""


@dataclass(frozen=True, slots=True)
class Opened:
    """Milliseconds: the first paint of each opening, and each screen that was scrolled."""

    paints: list[float]
    screens: list[float]


def measure(*, quick: bool, images: int | None = None) -> dict[str, Any]:
    """Size and time of the report of a large audit as JSON; `chromium` is None where there is none to open it."""
    count = images or (QUICK_IMAGES if quick else IMAGES)
    pictures = dict(_picture(number) for number in range(PICTURES))
    findings = _findings(count, list(pictures))
    document = _document(findings)
    begun = time.perf_counter()
    page = render_html(
        document, findings, pictures.get, inputs={VERSION: _input()}, labels={VERSION: document_labels()}
    )
    seconds = time.perf_counter() - begun
    opened = _opened(page, QUICK_OPENINGS if quick else OPENINGS)
    return {
        "images": count,
        "side": SIDE,
        "megabytes": len(page) / MEGABYTE,
        "seconds": seconds,
        "chromium": None if opened is None else _figures(opened),
    }


def document_labels() -> tuple[str, ...]:
    """Return the names of the classes."""
    return tuple(f"class {number}" for number in range(CLASSES))


def _figures(opened: Opened) -> dict[str, float]:
    return {
        "openings": len(opened.paints),
        "first_paint_median": statistics.median(opened.paints),
        "first_paint_highest": max(opened.paints),
        "screens": len(opened.screens),
        "screen_median": statistics.median(opened.screens),
        "screen_highest": max(opened.screens),
    }


def _opened(page: bytes, openings: int) -> Opened | None:
    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  of the extra dev, where the browser is

    with tempfile.TemporaryDirectory(prefix="mb-") as folder, sync_playwright() as driver:
        file = Path(folder) / "report.html"
        file.write_bytes(page)
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            paints: list[float] = []
            screens: list[float] = []
            for _ in range(openings):
                window = browser.new_page(viewport={"width": 1280, "height": 800})
                window.goto(file.as_uri())
                window.wait_for_function(f"({FIRST_PAINT}) !== null")
                paints.append(window.evaluate(FIRST_PAINT))
                screens.extend(window.evaluate(SCROLL, SCREENS_SCROLLED))
                window.close()
        finally:
            browser.close()
    return Opened(paints, screens)


def _picture(number: int) -> tuple[str, bytes]:
    noise = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "PNG")
    return hashlib.sha256(data.getvalue()).hexdigest(), data.getvalue()


def _findings(count: int, digests: list[str]) -> list[Finding]:
    chance = np.random.default_rng(0)
    return [_finding(place, digests[place % len(digests)], chance) for place in range(count)]


def _finding(place: int, digest: str, chance: np.random.Generator) -> Finding:
    """A subset of up to a tenth of the pixels, scattered, so that its masks are as large as masks come."""
    size = int(chance.integers(20, SIDE * SIDE // 10))
    mask = np.zeros(SIDE * SIDE, dtype=np.bool_)
    mask[chance.choice(SIDE * SIDE, size, replace=False)] = True
    return Finding(
        position=place,
        item=f"noise/{place:05}.png",
        image_digest=digest,
        model_version=VERSION,
        search_index=0,
        label=place % CLASSES if place % 10 else (place + 1) % CLASSES,
        predicted_class=place % CLASSES,
        target_class=place % CLASSES,
        eligible=True,
        confidence=float(chance.uniform(THRESHOLD, 1)),
        margin=3.0,
        subset=Subset(np.packbits(mask).tobytes(), SIDE, SIDE, size),
        verified_confidence=THRESHOLD,
        passes=Passes(100, 100),
        narrowing=narrowing_of(_narrowing(size, chance)),
    )


def _narrowing(size: int, chance: np.random.Generator) -> sis.Narrowing:
    """Scattered masks, each a quarter larger than the next, down to the subset's size."""
    sizes = [round(size * LARGER**step) for step in range(NARROWING_MASKS, 0, -1)]
    masks = torch.zeros((len(sizes), SIDE * SIDE), dtype=torch.bool)
    for mask, kept in zip(masks, sizes, strict=True):
        mask[torch.from_numpy(chance.choice(SIDE * SIDE, min(kept, SIDE * SIDE), replace=False))] = True
    return sis.Narrowing(masks.view(-1, SIDE, SIDE), torch.full((len(sizes),), THRESHOLD, dtype=torch.float64))


def _input() -> InputSpecification:
    return InputSpecification(3, SIDE, SIDE, 0.0, 1.0, SIDE, "bilinear", (0.5,) * 3, (0.25,) * 3)


def _document(findings: list[Finding]) -> dict[str, Any]:
    search = Search(SearchMethod.MASK_OPTIMIZATION, THRESHOLD, passes=300)
    specification = AuditSpecification((VERSION,), DATASET, Canvas(3, SIDE, SIDE), (search,), (), 0, 0, "cpu")
    count = len(findings)
    audit = Audit(
        "projects/default/audits/large", specification, "0" * 64, count, AuditState.SUCCEEDED, 1, "bench", CREATED
    )
    weights = Weights("0" * 64, "modicum:tiny")
    version = ModelVersion(VERSION, weights, _input(), document_labels(), "0" * 64, VersionState.READY, CREATED)
    return result_document(
        audit=audit,
        dataset=Dataset(DATASET, "0" * 64, count, count, CREATED),
        item_counts=ItemCounts(count, 0, 0),
        versions=[version],
        findings=findings,
        parameters={"device": "cpu", "chunk_size": 1, "versions": {}, "donor_digests": []},
        findings_digest="0" * 64,
    )
