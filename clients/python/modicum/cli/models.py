"""`modicum models`: register models, and show and delete them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, say_deleted, stdout
from modicum.cli.options import FLAG, RUN, option
from modicum.cli.progress import upload_progress, view
from modicum.cli.registration import Group, command
from modicum.cli.requests import model_request
from modicum.cli.tables import Column, Grid, print_grid
from modicum.cli.watching import checked
from modicum.client import Client
from modicum.errors import NotServed
from modicum.resource_names import last_part, short_version
from modicum.sources.inputs import InputSpecification
from modicum.verdicts import Verdict
from modicum.versions import Combine, Model, ModelVerdict, ModelVersion, VersionState

app = typer.Typer(cls=Group, no_args_is_help=True, help="Register, show and delete models and their versions.")

DROPOUT = "Input dropout"
#: Verdicts that are looked through where the server tells none with its models.
MOST_VERDICTS = 1_000

Name = Annotated[str, typer.Argument(metavar="VERSION", help=options.VERSION)]
NoWait = Annotated[bool, option(RUN, "--no-wait", FLAG, "Return without waiting until a worker has checked it.")]


@command(app, "list")
def list_models(*, as_json: options.Json = False) -> None:
    """List the models, each with the state of its newest version and its newest stored verdict."""
    with Client() as client:
        models = list(client.models.list())
        verdicts = {} if as_json else _newest_verdicts(client, models)
    if as_json:
        print_json(models)
        return
    columns = ("newest version", "state", "newest verdict", "created")
    rows = [
        (
            last_part(model.name),
            last_part(model.latest_version),
            model.latest_version_state or "",
            _verdict_text(verdicts.get(model.name)),
            f"{model.create_time:%Y-%m-%d %H:%M}",
        )
        for model in models
    ]
    print_grid(stdout(), Grid(columns=(Column("model", prose=True), *map(Column, columns)), rows=rows))


def _newest_verdicts(client: Client, models: Sequence[Model]) -> Mapping[str, Verdict | ModelVerdict]:
    """The newest stored verdict of each model, by its name. It comes with the models.

    A server of an earlier release tells it of none. Then its newest verdicts are looked through, if it stores any.
    """
    if told := {model.name: model.newest_verdict for model in models if model.newest_verdict}:
        return told
    wanted, found = {model.name for model in models}, dict[str, Verdict]()
    with suppress(NotServed):
        for verdict in islice(client.verdicts.list(), MOST_VERDICTS if models else 0):
            for version in verdict.model_versions:
                found.setdefault(version.partition("/versions/")[0], verdict)
            if found.keys() >= wanted:
                break
    return found


def _verdict_text(verdict: Verdict | ModelVerdict | None) -> str:
    """The outcome, and the versions that were judged: PASS for resnet18/3."""
    if verdict is None:
        return ""
    return f"{verdict.outcome} for {', '.join(map(short_version, verdict.model_versions))}"


@command(app)
def show(name: Name, *, as_json: options.Json = False) -> None:
    """Show a version of a model. Without a version number: the newest READY one, and all versions with their states.

    READY means that the version was checked and accepted. If no version is READY, the newest is shown.
    """
    with Client() as client:
        versions = [] if "/" in name else list(client.models.versions(name))
        ready = (one for one in versions if one.state is VersionState.READY)
        version = next(ready, None) or next(iter(versions), None) or client.models.version(name)
    if as_json:
        print_json(version)
        return
    _show(version)
    if versions:
        told = ", ".join(f"{last_part(other.name)} ({other.state})" for other in versions)
        print_text(stdout(), f"versions of {name}: {told}")


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
    """Register a version of a model, and wait until a worker has checked it.

    Give exactly one of --model, --weights, --exported, --torchscript and --endpoint.
    """
    request = model_request(name, model)
    with view(quiet=quiet) as shown, Client() as client:
        version = client.models.register(
            name, **request.arguments, wait=False, progress=upload_progress(shown, "uploading the model")
        )
        version = version if no_wait else checked(client, version, shown)
    _print_version(version, as_json=as_json)


@command(app)
def ensemble(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the ensemble. It is a model like any other.")],
    members: Annotated[
        list[str],
        typer.Argument(metavar="MEMBER...", help=f"Two or more versions, each {options.VERSION}"),
    ],
    *,
    combine: options.Combination = Combine.MEAN_LOGITS,
    no_wait: NoWait = False,
    as_json: options.Json = False,
) -> None:
    """Register an ensemble of two or more registered versions."""
    with Client() as client:
        _print_version(
            client.models.ensemble(name, members=members, combine=combine, wait=not no_wait), as_json=as_json
        )


@command(app, "input-dropout")
def input_dropout(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new model.")],
    member: Annotated[
        str,
        typer.Argument(metavar="VERSION", help=f"The version to wrap: {options.VERSION}"),
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
    """Make a model with input dropout from a registered version: outputs are averaged over random masks of pixels."""
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
    """Delete a model with its versions, or one version. Needs the role admin.

    The server refuses this while an audit, an ensemble or an input-dropout model uses one of the versions. Delete those
    first.
    """
    with Client() as client:
        full = client.models.version(name).name if "/" in name else client.models.get(name).name
        client.models.delete(full)
    say_deleted(full, as_json=as_json)


def _print_version(version: ModelVersion, *, as_json: bool) -> None:
    if as_json:
        print_json(version)
    else:
        _show(version)


def _show(version: ModelVersion) -> None:
    classes = version.class_count or len(version.class_labels)
    no_gradient = version.state is VersionState.READY and not version.useful_gradient
    facts = (
        ("name", version.name),
        ("state", version.state),
        ("waits", "for a worker; no running worker can check this version" if version.waits_for_worker else ""),
        ("failed", f"{version.failed_try}. It is tried again" if version.failed_try else ""),
        ("rejected", f"{version.reject_reason}: {version.reject_detail}" if version.reject_reason else ""),
        ("source", f"{version.source} {version.architecture or version.endpoint}".strip()),
        (
            "claim",
            f"{version.claim}, of the endpoint's own description; its weights are not known" if version.claim else "",
        ),
        ("made of", ", ".join(short_version(part) for part in version.parts)),
        ("input", _input_text(version.input) if version.input else ""),
        ("classes", str(classes or "")),
        ("outputs", version.output_kind),
        ("gradient", "not useful, so mask_optimization searches with forward passes only" if no_gradient else ""),
        ("digest", version.digest),
        ("created", f"{version.create_time:%Y-%m-%d %H:%M}"),
        ("by", version.principal),
    )
    rows = [(label, str(value)) for label, value in facts if value]
    print_grid(stdout(), Grid(columns=(Column(""), Column("", prose=True)), rows=rows, headed=False))


def _input_text(given: InputSpecification) -> str:
    channels = "1 channel" if given.channels == 1 else f"{given.channels} channels"
    return f"{channels}, {given.height} x {given.width}, {given.interpolation}"
