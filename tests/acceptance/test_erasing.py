"""A picture in three audits is erased: then no table and no file has it, nor its masks, and results say so."""

import base64
import gzip
import signal
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import psycopg
import pytest
from modicum import Client
from modicum.erasures import ErasedOutcome, ErasureState
from modicum_server.local.running_database import running_database_url

from tests.acceptance.acceptance_running import Place, family, started_server
from tests.acceptance.acceptance_stage import ARCHITECTURE, CLASSES, patches
from tests.attestation.attestation_stage import key_pair, private_pem, public_pem

QUICK = {"thresholds": [0.9], "passes": 40}
MOST = 12
ERASED = 2
"""Its place in every data set."""
POLICY = "version: 1\nrules: {spot: off, accuracy: {min: 0.01}}\n"
VERIFY = ("verify", "w.safetensors", "--attestation", "v.sigstore.json", "--key", "k.pub")


def registered(client: Client, materials: Path, name: str):
    files = {"weights": materials / "w.safetensors", "input": materials / "input.toml"}
    return client.models.register(name, architecture=ARCHITECTURE, labels=materials / "labels.txt", **files)


def uploaded(client: Client, folder: Path, name: str, *, count: int):
    """A data set of labelled photographs that no other test has: the first of always the same ones."""
    labels = np.arange(MOST) % len(CLASSES)
    images = patches(labels, seed=77)
    np.savez(folder / f"{name}.npz", images=images[:count], labels=labels[:count])
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


@pytest.mark.long
def test_no_table_and_no_file_has_an_erased_picture_or_its_masks(server, place, materials, tmp_path):
    private, public = key_pair()
    (place.folder / "k.pem").write_bytes(private_pem(private))
    (place.folder / "k.pub").write_bytes(public_pem(public))
    (place.folder / "policy.yaml").write_text(POLICY)
    with Client(server.address, token=server.token, timeout_seconds=120) as client:
        model = registered(client, materials, "erasing")
        first = uploaded(client, tmp_path, "erasing", count=9)
        other = uploaded(client, tmp_path, "erasing-more", count=MOST)
        audits = [
            client.audits.create(models=[model], dataset=first, name="erasing-1", **QUICK),
            client.audits.create(models=[model], dataset=other, name="erasing-2", **QUICK),
            client.audits.create(models=[model], dataset=first, name="erasing-3", seed=5, pixel_subsets=0, **QUICK),
        ]
        for audit in audits:
            audit.wait()
        image = list(client.datasets.items(first))[ERASED].image_digest
        content = next((server.place.data / "artifacts").rglob(image)).read_bytes()
        findings = [one for audit in audits for one in audit.result().findings if one.image_digest == image]
        masks = [one.subset.packed for one in findings if one.subset]
        judged = place.run("modicum", "judge", audits[0].name, "--policy", "policy.yaml", "--output", "verdict.json")
        signed = place.run("modicum", "attest", "verdict.json", "--key", "k.pem", "--output", "v.sigstore.json")
        held = place.run("modicum", *VERIFY, "--stored")
        before = (files_with(server.place.data, [content]), tables_with(server.place.data, masks))

        ended = place.run("modicum", "erase", "--image", image, "--json")

        after = [client.audits.get(audit.name) for audit in audits]
        left = [one.image_digest for audit in after for one in audit.result().findings]
        summaries = [audit.result().models[0].summary[-1] for audit in after]
    refused = place.run("modicum", *VERIFY, "--stored")
    assert (judged.code, signed.code, held.code) == (0, 0, 0), judged.messages + signed.messages + held.output
    assert before[0], "the picture was in a file"
    assert before[1] == ["public.findings"]
    assert len(masks) == 3
    assert ended.code == 0, ended.messages
    receipt = ended.document
    assert receipt["state"] == "DONE"
    assert {one["outcome"] for one in receipt["results"]} == {"SUMMARISED"}
    assert len(receipt["results"]) == 3
    assert tables_with(server.place.data, [content, *masks]) == []
    assert files_with(server.place.data, masks, but="postgres") == []
    assert files_with(server.place.data, [content]) == []
    assert image not in left
    assert set(summaries) == {"1 image was erased after the audit; these figures are those of the others."}
    assert [audit.snapshot.erased for audit in after] == [1, 1, 1]
    assert refused.code == 1
    assert "NO  findings: 1 picture was erased from projects/default/audits/erasing-1 since" in refused.output


@pytest.mark.long
def test_an_erasure_that_was_acknowledged_is_done_after_every_process_was_killed(materials, short_folder):
    place = Place.make(short_folder)

    with started_server(place) as running:
        with Client(running.address, token=running.token, timeout_seconds=120) as client:
            data = uploaded(client, short_folder, "photos", count=9)
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
