"""The canvas report: images with a subset, as the search saw them."""

import gc
import io
import json
import sys
import zipfile

import numpy as np
import pytest
from modicum_server.domain.findings import Finding, Subset
from modicum_server.domain.models import Combine, Ensemble
from modicum_server.domain.searches import Canvas
from modicum_server.measures.rows import write_findings
from modicum_server.reports.canvas_archive import CanvasArchive
from modicum_server.usecases.reports import ReportFormat
from PIL import Image

from tests.measures.example_audit import INPUT
from tests.usecases.usecases_stage import VIEWER, draft

SUBSET = Subset(mask=bytes([128, *[0] * 7]), height=8, width=8, size=1)


def picture(colour):
    data = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(data, "PNG")
    return data.getvalue()


def finding(digest, subset, *, baseline_confident=False):
    return Finding(
        position=0,
        item="item",
        image_digest=digest,
        model_version="version",
        search_index=0,
        subset=subset,
        baseline_confident=baseline_confident,
    )


async def succeeded(place, audit, findings):
    """End the audit as a worker would, with those findings."""
    artifact = io.BytesIO()
    write_findings(findings, artifact)
    held = await place.upload(artifact.getvalue())
    document = {"schema_version": 1, "audit": audit, "findings": {"digest": held}, "parameters": {}}
    digest = await place.upload(json.dumps(document).encode())
    async with place.store.transaction() as transaction:
        await transaction.audits.succeed(audit, result_digest=digest, artifacts=[held, digest])


async def archive_of(place, audit):
    report = await place.reports.render(VIEWER, audit, ReportFormat.CANVAS)
    assert report.media_type == "application/zip"
    return zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in report.pieces])))


async def test_images_with_a_subset_come_once_each_on_the_canvas(place):
    version = (await place.register()).name
    audit = (await place.audit(draft(versions=(version,), dataset=await place.dataset()))).name
    red, blue = [await place.upload(picture(colour)) for colour in ("red", "blue")]
    broken, gone = await place.upload(b"no picture"), "0" * 64
    await succeeded(
        place,
        audit,
        [
            finding(red, SUBSET),
            finding(blue, None),
            finding(blue, SUBSET, baseline_confident=True),
            finding(red, SUBSET),
            finding(broken, SUBSET),
            finding(gone, SUBSET),
        ],
    )

    archive = await archive_of(place, audit)

    assert archive.namelist() == [f"{red}.npy"]
    image = np.load(io.BytesIO(archive.read(f"{red}.npy")))
    assert (image.shape, image.dtype) == ((3, 8, 8), np.float32)
    assert image[:, 0, 0].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.long
async def test_an_audit_of_an_ensemble_alone_frames_images_as_its_first_member_does(place):
    members = [(await place.register(model=name)).name for name in ("one", "two")]
    ensemble = await place.register(
        model="both", source=Ensemble(tuple(members), Combine.MEAN_LOGITS), input=None, class_labels=()
    )
    audit = (await place.audit(draft(versions=(ensemble.name,), dataset=await place.dataset()))).name
    red = await place.upload(picture("red"))
    await succeeded(place, audit, [finding(red, SUBSET)])

    archive = await archive_of(place, audit)

    assert np.load(io.BytesIO(archive.read(f"{red}.npy"))).shape == (3, 8, 8)


async def test_an_archive_that_its_reader_leaves_ends_without_a_word(place):
    archive = CanvasArchive({}, INPUT, Canvas(8, 8, 3))
    archive.add("a" * 64, picture("red"))
    archive.itself = archive  # so that the garbage collector ends it, its parts in their order
    told = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", told.append)
        del archive
        gc.collect()

    assert told == []
