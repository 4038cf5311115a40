"""`modicum models`: what is registered."""

from typing import Annotated

import typer
from rich.table import Table

from modicum.cli import options
from modicum.cli.consoles import answer_json, answers, messages
from modicum.cli.exits import guarded
from modicum.cli.orders import model_order
from modicum.cli.views import upload_progress, view
from modicum.client import Client
from modicum.naming import last_part, short_version
from modicum.sources.inputs import InputSpecification
from modicum.versions import Combine, ModelVersion, VersionState

app = typer.Typer(no_args_is_help=True, help="Registered models and their versions.")

Name = Annotated[str, typer.Argument(help="MODEL, MODEL/VERSION or a full resource name.")]

NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until it is checked.")]


@app.command("list")
@guarded
def list_models(*, as_json: options.Json = False) -> None:
    """List the models."""
    with Client() as client:
        models = list(client.models.list())
    if as_json:
        answer_json(models)
        return
    table = Table("model", "latest version", "created")
    for model in models:
        table.add_row(last_part(model.name), short_version(model.latest_version), f"{model.create_time:%Y-%m-%d %H:%M}")
    answers().print(table)


@app.command()
@guarded
def show(name: Name, *, as_json: options.Json = False) -> None:
    """Show a version; for a model its latest, and how many there are."""
    with Client() as client:
        version = client.models.version(name)
        versions = [] if "/" in name else list(client.models.versions(name))
    if as_json:
        answer_json(version)
        return
    _show(version)
    if versions:
        answers().print(f"versions of {name}: {', '.join(last_part(other.name) for other in versions)}", markup=False)


@app.command()
@guarded
def create(
    name: Annotated[str, typer.Argument(help="Name of the model; a changed file becomes its next version.")],
    *,
    weights: options.Weights = None,
    exported: options.Exported = None,
    torchscript: options.Torchscript = None,
    architecture: options.Architecture = None,
    input_name: options.Input = "imagenet",
    labels: options.Labels = None,
    no_wait: NoWait = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Register a model's file as a version."""
    order = model_order(
        name,
        weights=weights,
        exported=exported,
        torchscript=torchscript,
        architecture=architecture,
        input_name=input_name,
        labels=labels,
    )
    with view(quiet=quiet) as shown, Client() as client:
        version = client.models.register(
            name, **order.arguments, wait=not no_wait, progress=upload_progress(shown, "uploading the model")
        )
    _answer(version, as_json=as_json)


@app.command()
@guarded
def ensemble(
    name: Annotated[str, typer.Argument(help="Name of the ensemble among the models.")],
    members: Annotated[list[str], typer.Argument(help="Two or more versions: MODEL, MODEL/VERSION or full names.")],
    *,
    combine: Annotated[Combine, typer.Option(help="How the members' answers are joined.")] = Combine.MEAN_LOGITS,
    no_wait: NoWait = False,
    as_json: options.Json = False,
) -> None:
    """Register an ensemble of versions."""
    with Client() as client:
        _answer(client.models.ensemble(name, members=members, combine=combine, wait=not no_wait), as_json=as_json)


@app.command("input-dropout")
@guarded
def input_dropout(
    name: Annotated[str, typer.Argument(help="Name of the wrapper among the models.")],
    member: Annotated[str, typer.Argument(help="The wrapped version: MODEL, MODEL/VERSION or a full name.")],
    *,
    keep_probability: Annotated[float, typer.Option(help="That a pixel is kept; others show the mean.")] = 0.8,
    samples: Annotated[int, typer.Option(help="Masks: a pass of the wrapper is so many of the version.")] = 16,
    seed: Annotated[int, typer.Option(help="Of the masks.")] = 0,
    no_wait: NoWait = False,
    as_json: options.Json = False,
) -> None:
    """Register a version under input dropout, at inference only."""
    with Client() as client:
        version = client.models.input_dropout(
            name, member=member, keep_probability=keep_probability, samples=samples, seed=seed, wait=not no_wait
        )
    _answer(version, as_json=as_json)


@app.command()
@guarded
def delete(name: Name, *, as_json: options.Json = False) -> None:
    """Delete a model with its versions, or one version."""
    with Client() as client:
        full = client.models.version(name).name if "/" in name else client.models.get(name).name
        client.models.delete(full)
    if as_json:
        answer_json({"deleted": full})
    else:
        messages().print(f"deleted {full}", markup=False)


def _answer(version: ModelVersion, *, as_json: bool) -> None:
    if as_json:
        answer_json(version)
    else:
        _show(version)


def _show(version: ModelVersion) -> None:
    table = Table(show_header=False)
    classes = version.class_count or len(version.class_labels)
    blind = version.state is VersionState.READY and not version.useful_gradient
    for label, value in (
        ("name", version.name),
        ("state", version.state),
        ("refused", f"{version.reject_reason}: {version.reject_detail}" if version.reject_reason else ""),
        ("source", f"{version.source} {version.architecture}".strip()),
        ("of", ", ".join(short_version(part) for part in version.parts)),
        ("input", _input_text(version.input) if version.input else ""),
        ("classes", str(classes or "")),
        ("answers with", version.output_kind),
        ("gradient", "none that is useful: mask_optimization searches by forward passes alone" if blind else ""),
        ("digest", version.digest),
        ("created", f"{version.create_time:%Y-%m-%d %H:%M}"),
    ):
        if value:
            table.add_row(label, value)
    answers().print(table, markup=False)


def _input_text(given: InputSpecification) -> str:
    channels = "1 channel" if given.channels == 1 else f"{given.channels} channels"
    return f"{channels}, {given.height} x {given.width}, {given.interpolation}"
