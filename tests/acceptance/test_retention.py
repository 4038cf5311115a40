"""A project keeps findings and pictures for some days. Then real commands delete them, and say what is gone."""

from pathlib import Path

import numpy as np
import psycopg
import pytest
from modicum import Client
from modicum_server.local.running_database import running_database_url

from tests.acceptance.acceptance_running import Place
from tests.acceptance.acceptance_stage import CLASSES, patches
from tests.acceptance.test_erasing import QUICK, files_with, registered, tables_with


def uploaded(client: Client, folder: Path, name: str, *, seed: int):
    """A data set of labelled photographs that no other test has."""
    labels = np.arange(9) % len(CLASSES)
    np.savez(folder / f"{name}.npz", images=patches(labels, seed=seed), labels=labels)
    return client.datasets.upload(name, folder / f"{name}.npz")


def age(place: Place, *names: str) -> None:
    """Let audits, their data sets and all that these hold be 40 days old."""
    long_ago = "now() - interval '40 days'"
    with psycopg.connect(running_database_url(place.data)) as connection:
        named = list(names)
        connection.execute(f"UPDATE audits SET end_time = {long_ago} WHERE name = ANY (%s)", [named])
        of_these = "SELECT dataset FROM audits WHERE name = ANY (%s)"
        connection.execute(f"UPDATE datasets SET create_time = {long_ago} WHERE name IN ({of_these})", [named])
        connection.execute(
            f"UPDATE artifacts SET used_time = {long_ago} WHERE digest IN (SELECT image_digest FROM dataset_items "
            f"JOIN datasets ON datasets.id = dataset_id WHERE name IN ({of_these}))",
            [named],
        )


@pytest.mark.long
def test_what_a_project_no_longer_keeps_is_in_no_table_and_no_file(server, place, materials, tmp_path):
    with Client(server.address, token=server.token, timeout_seconds=120) as client:
        model = registered(client, materials, "retained")
        old, other = (uploaded(client, tmp_path, name, seed=seed) for seed, name in enumerate(("old", "held"), 300))
        audits = [
            client.audits.create(models=[model], dataset=dataset, name=f"retained-{number}", seed=90, **QUICK)
            for number, dataset in enumerate((old, other))
        ]
        for audit in audits:
            audit.wait()
        masks = [one.subset.packed for one in audits[0].result().findings if one.subset]
        images = [one.image_digest for one in client.datasets.items(old)]
        contents = [next((server.place.data / "artifacts").rglob(one)).read_bytes() for one in images]
        before = tables_with(server.place.data, masks)
    age(server.place, *(audit.name for audit in audits))
    held = place.run("modicum", "holds", "add", "incident", "--audit", "retained-1", "--reason", "evidence")

    try:
        said = place.run("modicum", "retention", "set", "--findings", "30d", "--images", "30d")
        looked = place.run("modicum-server", "collect", "--dry-run", "--data", server.place.data)
        after_looking = tables_with(server.place.data, masks)
        collected = place.run("modicum-server", "collect", "--data", server.place.data)
        shown = place.run("modicum", "audits", "show", "retained-0")
        asked = ("--model", "retained", "--dataset", "old", "--threshold", "0.9")
        again = place.run("modicum", "audits", "create", *asked)
        reported = place.run("modicum", "audits", "report", "retained-0", "--output", "report.html")
        whole = place.run("modicum", "audits", "show", "retained-1")
    finally:
        place.run("modicum", "retention", "set", "--findings", "keep", "--images", "keep")
        place.run("modicum", "holds", "release", "incident")

    assert held.code == 0, held.messages
    assert said.output.splitlines() == ["findings: 30 days", "reports: kept", "images: 30 days"]
    assert [row.split()[0] for row in looked.output.splitlines()[1:3]] == ["FINDINGS", "IMAGES"]
    assert looked.output.splitlines()[1:3] == collected.output.splitlines()[1:3]
    assert "retained-1" not in looked.output
    assert before == after_looking == ["public.findings"]
    assert tables_with(server.place.data, masks) == []
    assert files_with(server.place.data, [*masks, *contents], but="postgres") == []
    assert "The findings of projects/default/audits/retained-0 were deleted on" in shown.output
    assert reported.code == 0, reported.messages
    assert "so the report has only figures of them" in (place.folder / "report.html").read_text()
    assert again.code != 0
    assert "The pictures of projects/default/datasets/old were deleted on" in again.messages
    assert "deleted" not in whole.output
