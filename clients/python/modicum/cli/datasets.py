"""`modicum datasets`: upload data sets, and show and delete them."""

from itertools import islice
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, say_deleted, stdout
from modicum.cli.given_files import refuse_absent_image_files
from modicum.cli.options import OUTPUT, option
from modicum.cli.progress import say_files, upload_progress, view
from modicum.cli.registration import Group, command
from modicum.cli.requests import check_range
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client
from modicum.datasets import Dataset
from modicum.gate.counting import counted
from modicum.resource_names import last_part, printable
from modicum.searches import INT32_MAX
from modicum.sources.label_names import found_with_names
from modicum.sources.manifests import manifest_of
from modicum.sources.objects import with_objects

app = typer.Typer(cls=Group, no_args_is_help=True, help="Upload, show and delete data sets.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the data set.")]


@command(app, "list")
def list_datasets(*, as_json: options.Json = False) -> None:
    """List the data sets."""
    with Client() as client:
        datasets = list(client.datasets.list())
    if as_json:
        print_json(datasets)
        return
    columns = (Column("data set", prose=True), *(Column(name, number=True) for name in ("items", "labelled")))
    rows = [
        (
            last_part(dataset.name),
            f"{dataset.item_count:,}",
            f"{dataset.labelled_count:,}",
            f"{dataset.create_time:%Y-%m-%d %H:%M}",
        )
        for dataset in datasets
    ]
    print_grid(stdout(), Grid(columns=(*columns, Column("created")), rows=rows))


@command(app)
def show(
    name: Name,
    *,
    items: Annotated[int, option(OUTPUT, "--items", "N", "Also show the first N images with their names.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Show a data set."""
    check_range("--items", items, INT32_MAX)
    with Client() as client:
        dataset = client.datasets.get(name)
        shown = list(islice(client.datasets.items(dataset), items))
    if as_json:
        print_json({"dataset": dataset, "items": shown})
        return
    print_text(
        stdout(),
        f"{dataset.name}: {_counts(dataset)}, manifest {dataset.manifest_digest}",
    )
    if dataset.images_delete_time is not None:
        day = f"{dataset.images_delete_time:%Y-%m-%d}"
        print_text(stdout(), f"the retention of the project deleted its images on {day}; it can no longer be audited")
    if shown:
        columns = (Column("item", prose=True), Column("label", prose=True), Column("image"))
        rows = [(printable(item.item), printable(item.label), item.image_digest[:12]) for item in shown]
        print_grid(stdout(), Grid(columns=columns, rows=rows))


@command(app)
def create(
    name: Name,
    source: options.Photos,
    *,
    images: options.ImageOptions,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Create a data set from images. Only images that the server does not have yet are uploaded."""
    refuse_absent_image_files(images)
    named = found_with_names(source, images.photo_labels, images.label_names)
    found = with_objects(named, boxes=images.boxes, masks=images.masks)
    manifest = manifest_of(found.images)
    with view(quiet=quiet) as shown, Client() as client:
        say_files(shown, source, found.images, found.skipped)
        dataset = client.datasets.upload(name, manifest, progress=upload_progress(shown, "uploading the data set"))
    if as_json:
        print_json(dataset)
    else:
        stdout().print(f"{dataset.name}: {_counts(dataset)}", markup=False)


@command(app)
def delete(name: Name, *, as_json: options.Json = False) -> None:
    """Delete a data set. Needs the role admin.

    The server refuses this while an audit uses it. Delete its audits first.
    """
    with Client() as client:
        full = client.datasets.get(name).name
        client.datasets.delete(full)
    say_deleted(full, as_json=as_json)


def _counts(dataset: Dataset) -> str:
    return f"{counted(dataset.item_count, 'item')}, {dataset.labelled_count:,} labelled"
