"""`modicum audits`: what was asked, how far it is, what came of it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from modicum.cli import options
from modicum.cli.consoles import answer_json, answer_json_line, answers, messages
from modicum.cli.exits import guarded
from modicum.cli.orders import search_order
from modicum.cli.outputs import checked_outputs, write_outputs
from modicum.cli.tables import show_result
from modicum.cli.views import view
from modicum.cli.watching import watched
from modicum.client import Audit, Client
from modicum.errors import InvalidArgument
from modicum.masked_files import checked_target
from modicum.naming import last_part, short_version
from modicum.searches import Fill, SearchMethod
from modicum.snapshots import AuditState
from modicum.statistics import Statistics

app = typer.Typer(no_args_is_help=True, help="Audits and their results.")

Name = Annotated[str, typer.Argument(help="Name of the audit.")]


@app.command("list")
@guarded
def list_audits(
    *,
    state: Annotated[AuditState | None, typer.Option("--state", help="Only those in this state.")] = None,
    as_json: options.Json = False,
) -> None:
    """List the audits, newest first."""
    with Client() as client:
        snapshots = [audit.snapshot for audit in client.audits.list(f"state = {state}" if state else "")]
    if as_json:
        answer_json(snapshots)
        return
    table = Table("audit", "state", "images", "models", "data set", "created")
    for snapshot in snapshots:
        specification = snapshot.specification
        table.add_row(
            last_part(snapshot.name),
            snapshot.state,
            f"{snapshot.images_done} of {snapshot.images_total}",
            ", ".join(map(short_version, specification.model_versions)),
            last_part(specification.dataset),
            f"{snapshot.create_time:%Y-%m-%d %H:%M}",
        )
    answers().print(table)


@app.command()
@guarded
def show(name: Name, *, as_json: options.Json = False) -> None:
    """Show an audit, and its result once it has one."""
    with Client() as client:
        audit = client.audits.get(name)
        if as_json:
            answer_json(audit.snapshot)
        elif audit.state is AuditState.SUCCEEDED:
            _show_result(client, audit)
        else:
            _show_state(audit)


@app.command()
@guarded
def create(
    *,
    model: Annotated[list[str], typer.Option("--model", help="MODEL for its latest version, or MODEL/VERSION.")],
    dataset: Annotated[str, typer.Option("--dataset", help="Name of the data set.")],
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
    name: Annotated[str, typer.Option("--name", help="Name of the audit; the server gives one otherwise.")] = "",
    no_reuse: options.NoReuse = False,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Create nothing; tell the cost.")] = False,
    as_json: options.Json = False,
) -> None:
    """Create an audit of registered models on an uploaded data set, and leave it to the server."""
    order = search_order(
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
    )
    with Client() as client:
        audit = client.audits.create(
            models=model,
            dataset=dataset,
            name=name,
            **order.arguments,
            reuse=not no_reuse,
            validate_only=validate_only,
        )
    if as_json:
        answer_json(audit.snapshot)
    elif validate_only:
        cost = audit.snapshot
        answers().print(f"{cost.images_total} images, at most {cost.passes_planned:,} passes; nothing was created")
    else:
        _show_state(audit)


@app.command()
@guarded
def watch(name: Name, *, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Watch an audit until it ends; Ctrl-C leaves it going. With --json, one snapshot a line."""
    with view(quiet=quiet or as_json) as shown, Client() as client:
        audit = client.audits.get(name)
        if as_json:
            for snapshot in audit.watch():
                answer_json_line(snapshot)
            audit.wait()
        else:
            watched(audit, shown)
            _show_result(client, audit)


@app.command()
@guarded
def cancel(name: Name, *, as_json: options.Json = False) -> None:
    """Cancel an audit; one that has ended stays as it is."""
    with Client() as client:
        audit = client.audits.get(name)
        audit.cancel()
    if as_json:
        answer_json(audit.snapshot)
    else:
        _show_state(audit)


@app.command()
@guarded
def report(name: Name, *, output: options.Outputs = None, as_json: options.Json = False) -> None:
    """Write the reports of an audit that succeeded; with --json, its result document to stdout."""
    outputs = checked_outputs(output or ())
    if not outputs and not as_json:
        raise InvalidArgument("expected --output FILE.json or FILE.html, or --json")
    with Client() as client:
        audit = client.audits.get(name)
        write_outputs(audit, outputs)
        if as_json:
            answer_json(audit.result().document)
    for written in outputs:
        messages().print(f"wrote {written.path}", markup=False, soft_wrap=True)


@app.command("export-subsets")
@guarded
def export_subsets(
    name: Name,
    *,
    output: Annotated[Path, typer.Option("--output", metavar="FOLDER|FILE.npz", help="What to write.")],
    model: Annotated[str, typer.Option("--model", help="MODEL or MODEL/VERSION, where several were audited.")] = "",
    search: Annotated[int, typer.Option("--search", min=0, help="Number of the search in the audit, from 0.")] = 0,
    fill: Annotated[
        Fill | None, typer.Option("--fill", help="mean, black or white; the search's own unless given.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write the images under their subsets' masks, with labels and masks, to train on with code of your own."""
    checked_target(output)
    with Client() as client:
        masked = client.audits.get(name).export_subsets(output, model=model, search=search, fill=fill or "")
    if as_json:
        answer_json(masked.manifest)
        return
    counts = masked.manifest["counts"]
    text = f"wrote {output}: {counts['exported']} of {counts['findings']} images, each under its subset's mask"
    messages().print(text, markup=False, soft_wrap=True)


@app.command()
@guarded
def delete(name: Name, *, as_json: options.Json = False) -> None:
    """Delete an audit that has ended, with its findings."""
    with Client() as client:
        full = client.audits.get(name).name
        client.audits.delete(full)
    if as_json:
        answer_json({"deleted": full})
    else:
        messages().print(f"deleted {full}", markup=False)


def _show_result(client: Client, audit: Audit) -> None:
    result = audit.result()
    versions = {model.model_version: client.models.version(model.model_version) for model in result.models}
    show_result(answers(), result, versions)


def _show_state(audit: Audit) -> None:
    snapshot = audit.snapshot
    failure = f"; {snapshot.failure_reason}: {snapshot.failure_detail}" if snapshot.failure_reason else ""
    reused = f"; answered by {snapshot.reused_from}" if snapshot.reused_from else ""
    answers().print(
        f"{snapshot.name}: {snapshot.state.lower()}, {snapshot.images_done} of "
        f"{snapshot.images_total} images, at most {snapshot.passes_planned:,} passes{reused}{failure}",
        markup=False,
        soft_wrap=True,
    )
