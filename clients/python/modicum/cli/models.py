"""`modicum models`: register models, and show and delete them."""

from typing import Annotated

import typer
from rich.table import Table

from modicum.cli import options
from modicum.cli.consoles import print_json, stderr, stdout
from modicum.cli.options import FLAG, RUN, option
from modicum.cli.progress import upload_progress, view
from modicum.cli.registration import Group, command
from modicum.cli.requests import model_request
from modicum.client import Client
from modicum.resource_names import last_part, short_version
from modicum.sources.inputs import InputSpecification
from modicum.versions import Combine, ModelVersion, VersionState

app = typer.Typer(cls=Group, no_args_is_help=True, help="Register, show and delete models and their versions.")

DROPOUT = "Input dropout"

Name = Annotated[str, typer.Argument(metavar="VERSION", help="MODEL (its latest version) or MODEL/VERSION.")]
NoWait = Annotated[bool, option(RUN, "--no-wait", FLAG, "Return without waiting until a worker has checked it.")]


@command(app, "list")
def list_models(*, as_json: options.Json = False) -> None:
    """List the models."""
    with Client() as client:
        models = list(client.models.list())
    if as_json:
        print_json(models)
        return
    table = Table("model", "latest version", "created")
    for model in models:
        table.add_row(last_part(model.name), short_version(model.latest_version), f"{model.create_time:%Y-%m-%d %H:%M}")
    stdout().print(table)


@command(app)
def show(name: Name, *, as_json: options.Json = False) -> None:
    """Show a version of a model. For MODEL alone: its latest version, and the numbers of all versions."""
    with Client() as client:
        version = client.models.version(name)
        versions = [] if "/" in name else list(client.models.versions(name))
    if as_json:
        print_json(version)
        return
    _show(version)
    if versions:
        stdout().print(f"versions of {name}: {', '.join(last_part(other.name) for other in versions)}", markup=False)


@command(app)
def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the model. A changed file becomes its next version.")
    ],
    *,
    model: options.ModelOptions,
    no_wait: NoWait = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Register a file as a version of a model, and wait until a worker has checked it."""
    request = model_request(name, model)
    with view(quiet=quiet) as shown, Client() as client:
        version = client.models.register(
            name, **request.arguments, wait=not no_wait, progress=upload_progress(shown, "uploading the model")
        )
    _print_version(version, as_json=as_json)


@command(app)
def ensemble(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the ensemble. It is a model like any other.")],
    members: Annotated[
        list[str],
        typer.Argument(metavar="MEMBER...", help="Two or more versions: MODEL (its latest version) or MODEL/VERSION."),
    ],
    *,
    combine: options.Combination = Combine.MEAN_LOGITS,
    no_wait: NoWait = False,
    as_json: options.Json = False,
) -> None:
    """Register an ensemble of registered versions as a version of its own."""
    with Client() as client:
        _print_version(
            client.models.ensemble(name, members=members, combine=combine, wait=not no_wait), as_json=as_json
        )


@command(app, "input-dropout")
def input_dropout(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new model.")],
    member: Annotated[
        str, typer.Argument(metavar="MEMBER", help="The version to wrap: MODEL (its latest version) or MODEL/VERSION.")
    ],
    *,
    keep_probability: Annotated[
        float,
        option(
            DROPOUT, "--keep-probability", "P", "Probability that a pixel is kept. Other pixels show the mean colour."
        ),
    ] = 0.8,
    samples: Annotated[
        int,
        option(DROPOUT, "--samples", "N", "Number of random masks. One pass costs N passes of the wrapped version."),
    ] = 16,
    seed: Annotated[int, option(DROPOUT, "--seed", "N", "Seed of the masks.")] = 0,
    no_wait: NoWait = False,
    as_json: options.Json = False,
) -> None:
    """Register a version with input dropout at inference: its outputs are averaged over random masks of pixels."""
    with Client() as client:
        version = client.models.input_dropout(
            name, member=member, keep_probability=keep_probability, samples=samples, seed=seed, wait=not no_wait
        )
    _print_version(version, as_json=as_json)


@command(app)
def delete(
    name: Annotated[
        str, typer.Argument(metavar="MODEL", help="MODEL (with all of its versions) or MODEL/VERSION (that version).")
    ],
    *,
    as_json: options.Json = False,
) -> None:
    """Delete a model and its versions, or one version."""
    with Client() as client:
        full = client.models.version(name).name if "/" in name else client.models.get(name).name
        client.models.delete(full)
    if as_json:
        print_json({"deleted": full})
    else:
        stderr().print(f"deleted {full}", markup=False)


def _print_version(version: ModelVersion, *, as_json: bool) -> None:
    if as_json:
        print_json(version)
    else:
        _show(version)


def _show(version: ModelVersion) -> None:
    table = Table(show_header=False)
    classes = version.class_count or len(version.class_labels)
    no_gradient = version.state is VersionState.READY and not version.useful_gradient
    for label, value in (
        ("name", version.name),
        ("state", version.state),
        ("rejected", f"{version.reject_reason}: {version.reject_detail}" if version.reject_reason else ""),
        ("source", f"{version.source} {version.architecture}".strip()),
        ("made of", ", ".join(short_version(part) for part in version.parts)),
        ("input", _input_text(version.input) if version.input else ""),
        ("classes", str(classes or "")),
        ("outputs", version.output_kind),
        ("gradient", "not useful: mask_optimization searches with forward passes only" if no_gradient else ""),
        ("digest", version.digest),
        ("created", f"{version.create_time:%Y-%m-%d %H:%M}"),
    ):
        if value:
            table.add_row(label, value)
    stdout().print(table, markup=False)


def _input_text(given: InputSpecification) -> str:
    channels = "1 channel" if given.channels == 1 else f"{given.channels} channels"
    return f"{channels}, {given.height} x {given.width}, {given.interpolation}"
