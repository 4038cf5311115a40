"""`modicum audits`: create audits, follow them, and write their results."""

from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.audit_lists import audits_table, outcomes_by_result
from modicum.cli.consoles import print_json, print_json_line, print_text, say_deleted, stderr, stdout
from modicum.cli.options import FLAG, IMAGES, MODEL, OUTPUT, RUN, option
from modicum.cli.outputs import checked_outputs, settle_outputs, write_outputs
from modicum.cli.progress import view
from modicum.cli.registration import Group, command
from modicum.cli.requests import search_request
from modicum.cli.result_tables import show_result
from modicum.cli.short_results import report_command, short_lines, tables_command
from modicum.cli.tables import print_grid
from modicum.cli.watching import say_where, watched
from modicum.client import Audit, Client
from modicum.errors import InvalidArgument
from modicum.exported_files import checked_target
from modicum.gate.fills import Fill
from modicum.masked_sets import COLOURS, SubsetKind
from modicum.snapshots import AuditState
from modicum.statistics import Statistics
from modicum.stopping import stopping_at

app = typer.Typer(
    cls=Group, no_args_is_help=True, help="Create, list, show, watch, stop, cancel, report, export and delete audits."
)

SUBSETS = "Subsets"

Name = Annotated[str, typer.Argument(metavar="AUDIT", help="Name of the audit.")]


@command(app, "list")
def list_audits(
    *,
    state: Annotated[
        AuditState | None,
        option(OUTPUT, "--state", "STATE", f"List only audits in this state: {', '.join(AuditState)}."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the audits, newest first, each with its outcome and a headline: what was found, in one sentence.

    The spot test, the counterfactual set, and the test of edge and background each have an outcome, such as SHORTCUT
    or NONE_FOUND. The list shows the worst of the three.

    Audits of older releases do not store outcome and headline. For the newest 50 of them, the command reads these two
    from the result. With --json, they are left out for audits of older releases.
    """
    with Client() as client:
        listed = list(client.audits.list(f"state = {state}" if state else ""))
        outcomes = {} if as_json else outcomes_by_result(listed)
    if as_json:
        print_json([audit.snapshot for audit in listed])
    else:
        print_grid(stdout(), audits_table([audit.snapshot for audit in listed], outcomes))


@command(app)
def show(name: Name, *, as_json: options.Json = False, verbose: options.Verbose = False) -> None:
    """Show an audit, and its result if it has succeeded. With --json, print the audit without its result."""
    with Client() as client:
        audit = client.audits.get(name)
        if as_json:
            print_json(audit.snapshot)
        elif audit.state is AuditState.SUCCEEDED and audit.snapshot.report_delete_time is None:
            _show_result(client, audit, verbose=verbose)
        else:
            _show_state(audit)


@command(app)
def create(
    *,
    model: Annotated[
        list[str],
        option(MODEL, "--model", "VERSION", f"{options.VERSION} Repeat for several."),
    ],
    dataset: Annotated[str, option(IMAGES, "--dataset", "NAME", "Name of the data set.")],
    counterfactual: Annotated[
        str,
        option(
            IMAGES,
            "--counterfactual",
            "NAME",
            "Name of a data set of the same images without a suspected cue, or taken with another camera. Images with "
            "the same name in both data sets are compared.",
        ),
    ] = "",
    search: options.SearchOptions,
    method: options.MethodOptions,
    controls: options.ControlOptions,
    statistics: options.StatisticsOptions,
    run: options.RunOptions,
    stopping: options.Stops = None,
    name: Annotated[str, option(RUN, "--name", "NAME", "Name of the audit. Default: the server chooses one.")] = "",
    validate_only: Annotated[
        bool,
        option(RUN, "--validate-only", FLAG, "Create nothing: only check the request and show what it would cost."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Create an audit of registered models on an uploaded data set, and return without waiting for it."""
    request = search_request(
        search, method, controls, run, statistics=Statistics(level=statistics.level, alpha=statistics.alpha)
    )
    with Client() as client:
        audit = client.audits.create(
            models=model,
            dataset=dataset,
            counterfactual=counterfactual,
            name=name,
            **request.arguments,
            stopping=stopping_at(stopping),
            reuse=not run.no_reuse,
            validate_only=validate_only,
        )
    if as_json:
        print_json(audit.snapshot)
    elif validate_only:
        cost = audit.snapshot
        stdout().print(f"{cost.images_total} images, at most {cost.passes_planned:,} passes; nothing was created")
    else:
        _show_state(audit)


@command(app)
def watch(
    name: Name, *, as_json: options.Json = False, quiet: options.Quiet = False, verbose: options.Verbose = False
) -> None:
    """Follow an audit until it ends; Ctrl-C does not stop the audit. With --json, print one snapshot per line."""
    with view(quiet=quiet or as_json) as shown, Client() as client:
        audit = client.audits.get(name)
        if as_json:
            for snapshot in audit.watch():
                print_json_line(snapshot)
            audit.wait()
        else:
            say_where(client, audit.name, shown)
            watched(audit, shown)
            _show_result(client, audit, verbose=verbose)


@command(app)
def stop(
    name: Name,
    *,
    why: Annotated[str, option(RUN, "--why", "TEXT", "The reason to show in the result.")] = "",
    without_scores: Annotated[
        bool,
        option(
            RUN,
            "--without-scores",
            FLAG,
            "Also skip the scores: the spot test and other work that follows the searches. Finished parts of it stay.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Stop an audit early. It must have been created with --stopping, or by a command with --budget.

    Searches that have begun are finished. The result is about the images that are done.
    """
    with Client() as client:
        audit = client.audits.get(name)
        audit.stop(why, without_scores=without_scores)
    if as_json:
        print_json(audit.snapshot)
    else:
        _show_state(audit)


@command(app)
def cancel(name: Name, *, as_json: options.Json = False) -> None:
    """Cancel an audit. An audit that has ended stays as it is."""
    with Client() as client:
        audit = client.audits.get(name)
        audit.cancel()
    if as_json:
        print_json(audit.snapshot)
    else:
        _show_state(audit)


@command(app)
def report(name: Name, *, output: options.Outputs = None, as_json: options.Json = False) -> None:
    """Write the report of a succeeded audit to the files of --output. With --json, print its result document."""
    outputs = checked_outputs(output or ())
    if not outputs and not as_json:
        raise InvalidArgument("nothing to write: give --output FILE.json, --output FILE.html or --json")
    with Client() as client:
        audit = client.audits.get(name)
        settle_outputs(write_outputs(audit, outputs))
        if as_json:
            print_json(audit.result().document)
    for written in outputs:
        print_text(stderr(), f"wrote {written.path}")


@command(app, "export-subsets")
def export_subsets(
    name: Name,
    *,
    output: Annotated[
        Path, option(OUTPUT, "--output", "PATH", "Where to write: a FILE.npz, or a new or empty folder for PNG files.")
    ],
    model: Annotated[
        str, option(SUBSETS, "--model", "VERSION", "MODEL or MODEL/VERSION. Needed if several were audited.")
    ] = "",
    search: Annotated[int, option(SUBSETS, "--search", "N", options.WHICH_SEARCH)] = 0,
    fill: Annotated[
        Fill | None,
        option(
            SUBSETS,
            "--fill",
            "FILL",
            f"What replaces masked pixels: {', '.join(COLOURS)}. Default: the fill of the search.",
        ),
    ] = None,
    subsets: Annotated[
        SubsetKind,
        option(
            SUBSETS,
            "--subsets",
            "KIND",
            f"Which subsets: {', '.join(SubsetKind)}. The last two come from controls.",
        ),
    ] = SubsetKind.SEARCH,
    as_json: options.Json = False,
) -> None:
    """Write a masked data set: each image with everything outside its subset masked. Train on it with your own code.

    To look at subsets in FiftyOne, use export-fiftyone. For a table of all findings, use pandas in Python:
    Client().audits.get(AUDIT).result().to_pandas()
    """
    checked_target(output)
    with Client() as client:
        audit = client.audits.get(name)
        masked = audit.export_subsets(output, model=model, search=search, fill=fill or "", subsets=subsets)
    if as_json:
        print_json(masked.manifest)
        return
    counts = masked.manifest["counts"]
    text = f"wrote {output}: {counts['exported']} of {counts['findings']} images, each masked outside its subset"
    print_text(stderr(), text)


@command(app, "export-fiftyone")
def export_fiftyone(
    name: Name,
    *,
    output: Annotated[Path, option(OUTPUT, "--output", "PATH", "Where to write: a new or empty folder.")],
    model: Annotated[
        str, option(SUBSETS, "--model", "VERSION", "MODEL or MODEL/VERSION. Needed if several were audited.")
    ] = "",
    search: Annotated[int, option(SUBSETS, "--search", "N", options.WHICH_SEARCH)] = 0,
    as_json: options.Json = False,
) -> None:
    """Write a data set for FiftyOne: each image that has a subset, with its labels, its masks and the spots found.

    To train on subsets, use export-subsets. For a table of all findings, use pandas in Python:
    Client().audits.get(AUDIT).result().to_pandas()
    """
    checked_target(output, folder_only=True)
    with Client() as client:
        written = client.audits.get(name).export_fiftyone(output, model=model, search=search)
    if as_json:
        print_json({**written.info, "counts": written.counts})
        return
    counts = written.counts
    print_text(
        stderr(), f"wrote {output}: {counts['exported']} of {counts['findings']} images, those that have a subset"
    )


@command(app)
def delete(name: Name, *, as_json: options.Json = False) -> None:
    """Delete an audit that has ended, and its findings.

    The server refuses this while a verdict, a blind review or another audit needs its result. Only an admin can delete
    an audit that somebody else created.
    """
    with Client() as client:
        full = client.audits.get(name).name
        client.audits.delete(full)
    say_deleted(full, as_json=as_json)


def _show_result(client: Client, audit: Audit, *, verbose: bool) -> None:
    result = audit.result()
    if not verbose:
        for line in short_lines(result, report=report_command(audit.name), tables=tables_command(audit.name)):
            print_text(stdout(), line)
        return
    versions = {model.model_version: client.models.version(model.model_version) for model in result.models}
    show_result(stdout(), result, versions)


def _show_state(audit: Audit) -> None:
    snapshot = audit.snapshot
    failure = f"; {snapshot.failure_reason}: {snapshot.failure_detail}" if snapshot.failure_reason else ""
    reused = f"; reuses the result of {snapshot.reused_from}" if snapshot.reused_from else ""
    erased = f"; erased since: {snapshot.erased:,}" if snapshot.erased else ""
    times = (("findings", snapshot.findings_delete_time), ("result", snapshot.report_delete_time))
    deleted = "".join(f"; {what} deleted by retention: {moment:%Y-%m-%d}" for what, moment in times if moment)
    print_text(
        stdout(),
        f"{snapshot.name}: {snapshot.state.lower()}, {snapshot.images_done} of "
        f"{snapshot.images_total} images, at most {snapshot.passes_planned:,} passes{erased}{deleted}{reused}{failure}",
    )
