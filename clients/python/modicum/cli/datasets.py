"""`modicum datasets`: what is uploaded."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from modicum.cli import options
from modicum.cli.consoles import answer_json, answers, messages
from modicum.cli.exits import guarded
from modicum.cli.views import upload_progress, view
from modicum.client import Client
from modicum.naming import last_part, printable
from modicum.searches import INT32_MAX
from modicum.sources.manifests import manifest_of
from modicum.sources.objects import with_objects
from modicum.sources.pictures import pictures

app = typer.Typer(no_args_is_help=True, help="Uploaded data sets.")

Name = Annotated[str, typer.Argument(help="Name of the data set.")]


@app.command("list")
@guarded
def list_datasets(*, as_json: options.Json = False) -> None:
    """List the data sets."""
    with Client() as client:
        datasets = list(client.datasets.list())
    if as_json:
        answer_json(datasets)
        return
    table = Table("data set", "items", "labelled", "created")
    for dataset in datasets:
        created = f"{dataset.create_time:%Y-%m-%d %H:%M}"
        table.add_row(last_part(dataset.name), str(dataset.item_count), str(dataset.labelled_count), created)
    answers().print(table)


@app.command()
@guarded
def show(
    name: Name,
    *,
    items: Annotated[int, typer.Option("--items", min=0, max=INT32_MAX, help="Show this many of its items.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Show a data set, and some of its items."""
    with Client() as client:
        dataset = client.datasets.get(name)
        shown = list(islice(client.datasets.items(dataset), items))
    if as_json:
        answer_json({"dataset": dataset, "items": shown})
        return
    answers().print(
        f"{dataset.name}: {dataset.item_count} items, {dataset.labelled_count} labelled, manifest "
        f"{dataset.manifest_digest}",
        markup=False,
        soft_wrap=True,
    )
    if shown:
        table = Table("item", "label", "image")
        for item in shown:
            table.add_row(escape(printable(item.item)), escape(printable(item.label)), item.image_digest[:12])
        answers().print(table)


@app.command()
@guarded
def create(
    name: Name,
    source: Annotated[Path, typer.Argument(help="A folder (of class folders, or flat), a .csv or an .npz.")],
    *,
    photo_labels: options.PhotoLabels = None,
    boxes: options.Boxes = None,
    masks: options.Masks = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Upload what the server lacks of a folder and create the data set."""
    manifest = manifest_of(with_objects(pictures(source, photo_labels), boxes=boxes, masks=masks))
    with view(quiet=quiet) as shown, Client() as client:
        dataset = client.datasets.upload(name, manifest, progress=upload_progress(shown, "uploading photographs"))
    if as_json:
        answer_json(dataset)
    else:
        answers().print(f"{dataset.name}: {dataset.item_count} items, {dataset.labelled_count} labelled", markup=False)


@app.command()
@guarded
def delete(name: Name, *, as_json: options.Json = False) -> None:
    """Delete a data set."""
    with Client() as client:
        full = client.datasets.get(name).name
        client.datasets.delete(full)
    if as_json:
        answer_json({"deleted": full})
    else:
        messages().print(f"deleted {full}", markup=False)
