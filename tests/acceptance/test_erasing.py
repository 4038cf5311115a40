"""A picture in three audits is erased: then no table and no file has it, nor its masks, and results say so."""

import base64
import gzip
import io
import re
import signal
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import psycopg
import pytest
from modicum import Client
from modicum.erasures import ErasedOutcome, ErasureState
from modicum_server.local.running_database import running_database_url
from PIL import Image

from tests.acceptance.acceptance_running import Place, family, started_server
from tests.acceptance.acceptance_stage import ARCHITECTURE, CLASSES, patches
from tests.attestation.attestation_stage import key_pair, private_pem, public_pem

QUICK = {"thresholds": [0.9], "passes": 40}
MOST = 48
"""So many that the spot test looks for places."""
ERASED = 2
"""The place of the erased picture in a data set of which no verdict shows one."""
CLOSE = 15.0
"""Mean difference, of 255, below which a picture is the other one, packed with loss. Different ones differ by 25."""
POLICY = "version: 1\nrules: {spot: off, accuracy: {min: 0.01}}\n"
SPOT_POLICY = "version: 1\nrules: {spot: {level: error}}\n"
VERIFY = ("verify", "w.safetensors", "--attestation", "v.sigstore.json", "--key", "k.pub")


def registered(client: Client, materials: Path, name: str):
    files = {"weights": materials / "w.safetensors", "input": materials / "input.toml"}
    return client.models.register(name, architecture=ARCHITECTURE, class_labels=materials / "labels.txt", **files)


def uploaded(client: Client, folder: Path, name: str, places: Sequence[int]):
    """A data set of labelled photographs that no other test has: these of always the same ones."""
    labels = np.arange(MOST) % len(CLASSES)
    images = patches(labels, seed=77)
    np.savez(folder / f"{name}.npz", images=images[list(places)], labels=labels[list(places)])
    return client.datasets.upload(name, folder / f"{name}.npz")


def written(data: bytes) -> Iterator[bytes]:
    """The forms in which bytes may stand somewhere: as they are, in hexadecimal digits, in base64."""
    yield from (data, data.hex().encode(), base64.b64encode(data))


def unpacked(data: bytes) -> bytes:
    """What is in a file, packed or not."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data


def files_with(folder: Path, needles: list[bytes], *, but: str = "") -> list[str]:
    """The files below a folder that hold one of these byte strings in any form."""
    forms = [form for needle in needles for form in written(needle)]
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and (not but or but not in path.parts):
            text = unpacked(path.read_bytes())
            found += [str(path.relative_to(folder))] if any(form in text for form in forms) else []
    return found


def tables_with(data: Path, needles: list[bytes]) -> list[str]:
    """The tables of the database with a row that holds one of these byte strings in any form."""
    forms = [form.decode() for needle in needles for form in list(written(needle))[1:]]
    with psycopg.connect(running_database_url(data)) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        asked = "SELECT EXISTS (SELECT FROM {} AS row WHERE row::text LIKE ANY (%s))"
        patterns = [f"%{form}%" for form in forms]
        return sorted(name for (name,) in names if connection.execute(asked.format(name), [patterns]).fetchone()[0])


def pictures_of(document: dict[str, Any]) -> dict[str, bytes]:
    """The pictures of the worst spot in the document of a verdict, by their titles, which name items."""
    shown = document["worst_spot"]["pictures"]
    return {one["title"]: base64.b64decode(one["uri"].partition(",")[2]) for one in shown}


def pixels_of(data: bytes) -> np.ndarray:
    """The pixels of a picture; of a layer, which has a palette, none."""
    picture = Image.open(io.BytesIO(data))
    return np.zeros(0) if picture.mode == "P" else np.asarray(picture.convert("RGB"), dtype=float)


def shows(report: bytes, content: bytes) -> bool:
    """Whether a report holds a picture, or a thumbnail of it, in any packing."""
    wanted = pixels_of(content)
    uris = re.findall(rb"data:image/(?:png|jpeg|webp);base64,([A-Za-z0-9+/=]+)", report)
    held = [pixels_of(base64.b64decode(one)) for one in uris]
    return any(one.shape == wanted.shape and np.abs(one - wanted).mean() < CLOSE for one in held)


@pytest.mark.long
def test_no_table_and_no_file_has_an_erased_picture_or_its_masks(  # noqa: PLR0915 - one erasure, seen from all sides
    server, place, materials, tmp_path
):
    private, public = key_pair()
    (place.folder / "k.pem").write_bytes(private_pem(private))
    (place.folder / "k.pub").write_bytes(public_pem(public))
    (place.folder / "policy.yaml").write_text(POLICY)
    with Client(server.address, token=server.token, timeout_seconds=120) as client:
        model = registered(client, materials, "erasing")
        first = uploaded(client, tmp_path, "erasing", range(MOST))
        audits = [client.audits.create(models=[model], dataset=first, name="erasing-1", **QUICK)]
        audits[0].wait()
        (place.folder / "spot.yaml").write_text(SPOT_POLICY)
        verdict = client.judge(audits[0], place.folder / "spot.yaml")
        drawn = pictures_of(client.verdicts.document(verdict))
        items = list(client.datasets.items(first))
        shown = next(place for place, item in enumerate(items) if item.item in drawn)
        image = items[shown].image_digest
        other = uploaded(client, tmp_path, "erasing-few", [shown, *range(8)])
        audits += [
            client.audits.create(models=[model], dataset=other, name="erasing-2", **QUICK),
            client.audits.create(models=[model], dataset=other, name="erasing-3", seed=5, pixel_subsets=0, **QUICK),
        ]
        for audit in audits:
            audit.wait()
        content = next((server.place.data / "artifacts").rglob(image)).read_bytes()
        findings = [one for audit in audits for one in audit.result().findings if one.image_digest == image]
        masks = [one.subset.packed for one in findings if one.subset]
        judged = place.run("modicum", "judge", audits[0].name, "--policy", "policy.yaml", "--output", "verdict.json")
        signed = place.run("modicum", "attest", "verdict.json", "--key", "k.pem", "--output", "v.sigstore.json")
        held = place.run("modicum", *VERIFY, "--stored")
        before = (files_with(server.place.data, [content]), tables_with(server.place.data, masks))
        spots = list(drawn.values())
        kept = (files_with(server.place.data, spots, but="postgres"), shows(audits[1].report(), content))

        ended = place.run("modicum", "erase", "--image", image, "--json")

        after = [client.audits.get(audit.name) for audit in audits]
        left = [one.image_digest for audit in after for one in audit.result().findings]
        still_shown = shows(after[1].report(), content)
        judged_again = client.verdicts.document(verdict.name)
        summaries = [audit.result().models[0].summary[-1] for audit in after]
    refused = place.run("modicum", *VERIFY, "--stored")
    assert (judged.code, signed.code, held.code) == (0, 0, 0), judged.messages + signed.messages + held.output
    assert before[0], "the picture was in a file"
    assert kept[0], "pictures of the spot were in the document of the verdict"
    assert kept[1], "the report showed the picture"
    assert before[1] == ["public.findings"]
    assert len(masks) == 3
    assert ended.code == 0, ended.messages
    receipt = ended.document
    assert receipt["state"] == "DONE"
    assert {one["outcome"] for one in receipt["results"]} == {"SUMMARISED"}
    assert len(receipt["results"]) == 3
    assert tables_with(server.place.data, [content, *masks, *spots]) == []
    assert files_with(server.place.data, spots) == []
    assert not still_shown
    assert judged_again["worst_spot"] is None
    assert files_with(server.place.data, masks, but="postgres") == []
    assert files_with(server.place.data, [content]) == []
    assert image not in left
    assert set(summaries) == {"1 image was erased after the audit; these figures are about the other images."}
    assert [audit.snapshot.erased for audit in after] == [1, 1, 1]
    assert refused.code == 1
    assert "NO  findings: 1 picture was erased from projects/default/audits/erasing-1 since" in refused.output


@pytest.mark.long
def test_an_erasure_that_was_acknowledged_is_done_after_every_process_was_killed(materials, short_folder):
    place = Place.make(short_folder)

    with started_server(place) as running:
        with Client(running.address, token=running.token, timeout_seconds=120) as client:
            data = uploaded(client, short_folder, "photos", range(9))
            audit = client.audits.create(models=[registered(client, materials, "m")], dataset=data, **QUICK)
            audit.wait()
            image = list(client.datasets.items(data))[ERASED].image_digest
            running.child("worker --await-schema").suspend()
            begun = client.erasures.erase(image)
        for process in family(running.process.pid):
            with suppress(psutil.NoSuchProcess):  # it ended with one that was killed before it
                process.kill()
        running.process.wait()
    stored = [path.name for path in (place.data / "artifacts").rglob(image)]
    with started_server(place) as running:
        with Client(running.address, token=running.token, timeout_seconds=120) as client:
            done = client.erasures.wait(begun)
            rows = client.audits.get(audit.name).document()["findings"]["rows"]
        running.process.send_signal(signal.SIGINT)
        running.process.wait()

    assert (begun.state, stored) == (ErasureState.RUNNING, [image])
    assert (done.state, [one.outcome for one in done.results]) == (ErasureState.DONE, [ErasedOutcome.SUMMARISED])
    assert rows == 8
    assert list((place.data / "artifacts").rglob(image)) == []
