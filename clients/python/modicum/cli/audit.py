"""`modicum audit`: from a folder of photographs and a model's file to a result, in one command."""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import answer_json, answers, complain
from modicum.cli.exits import INTERRUPTED, guarded
from modicum.cli.orders import (
    ModelOrder,
    SearchOrder,
    checked_pictures,
    model_order,
    refuse_endless,
    refuse_nameless_labels,
    refuse_other_channels,
    search_order,
)
from modicum.cli.outputs import Output, checked_outputs, write_outputs
from modicum.cli.tables import show_result
from modicum.cli.views import View, upload_progress, view
from modicum.cli.watching import watched
from modicum.client import Audit, Client
from modicum.datasets import Dataset
from modicum.errors import DataRefused, ModicumError
from modicum.local import data_folder
from modicum.naming import short_version, suggested_id
from modicum.results import Result
from modicum.searches import Fill, SearchMethod
from modicum.sources.manifests import manifest_of
from modicum.sources.objects import with_objects
from modicum.sources.pictures import Picture
from modicum.statistics import Statistics
from modicum.versions import ModelVersion


@dataclass(frozen=True, slots=True)
class AuditOrder:
    """Everything that `modicum audit` was asked to do."""

    photos: Path
    pictures: Sequence[Picture]
    model: ModelOrder
    search: SearchOrder
    outputs: tuple[Output, ...]
    reuse: bool


@guarded
def audit(
    photos: Annotated[Path, typer.Argument(help="A folder (of class folders, or flat), a .csv or an .npz.")],
    *,
    weights: options.Weights = None,
    exported: options.Exported = None,
    torchscript: options.Torchscript = None,
    architecture: options.Architecture = None,
    input_name: options.Input = "imagenet",
    labels: options.Labels = None,
    photo_labels: options.PhotoLabels = None,
    boxes: options.Boxes = None,
    masks: options.Masks = None,
    threshold: options.Threshold = None,
    method: options.Method = SearchMethod.MASK_OPTIMIZATION,
    passes: options.Passes = 0,
    pixels_per_step: options.PixelsPerStep = 0,
    fraction: options.Fraction = 0.0,
    fill: options.FillChoice = Fill.MEAN,
    target: options.Targets = None,
    seed: options.Seed = 0,
    sample: options.Sample = 0,
    device: options.Device = "auto",
    control: options.Controls = None,
    no_controls: options.NoControls = False,
    pixel_subsets: options.PixelSubsets = None,
    level: options.Level = None,
    alpha: options.Alpha = None,
    output: options.Outputs = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the model; its file's unless given.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Use a local server even if MODICUM_ADDRESS is set.")] = False,
    no_reuse: options.NoReuse = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Audit a model on photographs: how few pixels suffice for its confident decisions, and are they evidence?

    Uses the server in MODICUM_ADDRESS, or a local one that is started for the command.
    Exit codes: 0 done, 2 usage, 3 not completed, 5 model or data refused, 130 interrupted.
    """
    order = AuditOrder(
        photos=photos,
        outputs=checked_outputs(output or ()),
        model=model_order(
            name,
            weights=weights,
            exported=exported,
            torchscript=torchscript,
            architecture=architecture,
            input_name=input_name,
            labels=labels,
        ),
        search=search_order(
            threshold,
            controls=control,
            no_controls=no_controls,
            pixel_subsets=pixel_subsets,
            device=device,
            method=method,
            passes=passes,
            pixels_per_step=pixels_per_step,
            fraction=fraction,
            fill=fill,
            target_rules=target,
            seed=seed,
            sample=sample,
            statistics=Statistics(level=level, alpha=alpha),
        ),
        pictures=with_objects(checked_pictures(photos, photo_labels, sample=sample), boxes=boxes, masks=masks),
        reuse=not no_reuse,
    )
    refuse_endless(order.search, order.model.input)
    refuse_nameless_labels(order.pictures, order.model)
    refuse_other_channels(order.pictures, order.model.input)
    _run(order, local=local, as_json=as_json, quiet=quiet)


def _run(order: AuditOrder, *, local: bool, as_json: bool, quiet: bool) -> None:
    with view(quiet=quiet) as shown, connected(shown, local=local) as client:
        model, dataset = _registered(client, order, shown), uploaded(client, order.photos, order.pictures, shown)
        done = audited(client, [model], dataset, order.search, shown, reuse=order.reuse)
        result = done.result()
        write_outputs(done, order.outputs)
    if as_json:
        answer_json(result.document)
    else:
        show_result(answers(), result, {model.name: model})
        for output in order.outputs:
            answers().print(f"wrote {output.path}", markup=False, soft_wrap=True)
    _refuse_hopeless(result)


@contextmanager
def connected(shown: View, *, local: bool = False) -> Iterator[Client]:
    """A client, with a word before a local server is started."""
    if local or not os.environ.get("MODICUM_ADDRESS"):
        shown.say(f"using the local server of {data_folder()}, which starts if it does not run yet")
    with Client(local=local) as client:
        yield client


def _registered(client: Client, order: AuditOrder, shown: View) -> ModelVersion:
    model = order.model
    shown.say(f"model {model.name}: {model.file.path} {model.file.architecture}".rstrip())
    version = client.models.register(
        model.name, **model.arguments, wait=False, progress=upload_progress(shown, "uploading the model")
    )
    shown.say(f"model {short_version(version.name)}: a worker loads and checks it")
    return client.models.wait(version)


def uploaded(client: Client, photos: Path, pictures: Sequence[Picture], shown: View) -> Dataset:
    """Upload photographs, named after them and their content, so that changed photographs are a new data set."""
    total = len(pictures)
    manifest = manifest_of(pictures, lambda done: shown.show("reading photographs", done / total, f"{done} of {total}"))
    name = f"{suggested_id(photos.absolute().stem)}-{manifest.digest[:8]}"
    return client.datasets.upload(name, manifest, progress=upload_progress(shown, "uploading photographs"))


def audited(
    client: Client,
    models: Sequence[ModelVersion],
    dataset: Dataset,
    search: SearchOrder,
    shown: View,
    *,
    reuse: bool,
    outside: Dataset | str = "",
) -> Audit:
    """Run an audit to its end, or take the stored answer; Ctrl-C cancels it.

    `outside` is an out-of-distribution data set, if there is one.
    """
    name = f"audit-{uuid.uuid4().hex[:12]}"
    with cancelling(client, name):
        created = client.audits.create(
            models=models, dataset=dataset, **search.arguments, out_of_distribution=outside, reuse=reuse, name=name
        )
        snapshot = created.snapshot
        if snapshot.reused_from:
            shown.say(f"{created.name}: answered by {snapshot.reused_from} (--no-reuse runs it again)")
        else:
            shown.say(f"{created.name}: {snapshot.images_total} images, at most {snapshot.passes_planned:,} passes")
        watched(created, shown)
    return created


@contextmanager
def cancelling(client: Client, name: str) -> Iterator[None]:
    """On Ctrl-C cancel the audit of that name, if it is there; a second Ctrl-C leaves at once."""
    try:
        yield
    except KeyboardInterrupt:
        try:
            complain(f"cancelling {name}; Ctrl-C again leaves at once")
            client.audits.get(name).cancel()
        except KeyboardInterrupt:
            os._exit(INTERRUPTED)
        except ModicumError as error:
            complain(f"{name} could not be cancelled: {error}")
        raise


def _refuse_hopeless(result: Result) -> None:
    """An audit in which no image could be measured is no answer."""
    counts = [search.counts for model in result.models for search in model.searches]
    if counts and all(count["images"] and count["failed"] == count["images"] for count in counts):
        raise DataRefused("no image could be measured; the table says why", reason="NO_IMAGE_MEASURED")
