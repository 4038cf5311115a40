"""`modicum ensemble`: whether an ensemble mitigates the overinterpretation of its members."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.array_bounds import refuse_values_outside
from modicum.cli.audit import audited, connected, uploaded
from modicum.cli.consoles import print_json, print_text, printing, stdout
from modicum.cli.exit_codes import DONE, INCONCLUSIVE, VIOLATED
from modicum.cli.given_files import refuse_absent_images, refuse_absent_label_files
from modicum.cli.known_labels import refuse_unknown_labels
from modicum.cli.options import IMAGES, MODEL, STATISTICS, option
from modicum.cli.outputs import Written, checked_outputs, settle_outputs, write_outputs
from modicum.cli.progress import say_files, view
from modicum.cli.registration import Group, command
from modicum.cli.requests import checked_images, search_request
from modicum.cli.result_tables import mitigation_lines
from modicum.cli.short_results import report_command
from modicum.datasets import Dataset
from modicum.errors import InvalidArgument
from modicum.resource_names import last_part, short_version
from modicum.results import Result
from modicum.sources.images import Image
from modicum.statistics import Statistics
from modicum.versions import Combine, ModelVersion

app = typer.Typer(
    cls=Group, no_args_is_help=True, help="Decide whether an ensemble overinterprets less than its members."
)

FEWEST_MEMBERS = 2
#: How messages say that the input of a member is changed.
REGISTERED = "register the members with"
LONGEST_NAME = 63
#: The verdict that decides the exit code where thresholds differ comes first.
CODES = (("NOT_MITIGATED", VIOLATED), ("INCONCLUSIVE", INCONCLUSIVE), ("MITIGATED", DONE))


@app.callback()
def _ensembles() -> None:
    """Decide whether an ensemble overinterprets less than its members."""


@command(app)
def check(
    photos: options.Photos,
    *,
    member: Annotated[
        list[str],
        option(
            MODEL,
            "--member",
            "VERSION",
            f"A member: {options.VERSION} Give two or more.",
        ),
    ],
    combine: options.Combination = Combine.MEAN_LOGITS,
    name: Annotated[
        str, option(MODEL, "--name", "NAME", "Name of the ensemble. Default: made of the members' names.")
    ] = "",
    photo_labels: options.PhotoLabels = None,
    label_names: options.LabelNames = None,
    out_of_distribution: Annotated[
        Path | None,
        option(
            IMAGES,
            "--out-of-distribution",
            "PHOTOS",
            "A second set of labelled images, unlike the training data. MITIGATED then also requires "
            "--accuracy-limit on these images.",
        ),
    ] = None,
    out_of_distribution_labels: Annotated[
        Path | None,
        option(
            IMAGES,
            "--out-of-distribution-labels",
            "FILE.csv",
            "Labels of the --out-of-distribution images, as for --photo-labels.",
        ),
    ] = None,
    search: options.SearchOptions,
    controls: options.ControlOptions,
    statistics: options.StatisticsOptions,
    ratio_limit: Annotated[
        float | None,
        option(
            STATISTICS,
            "--ratio-limit",
            "RATIO",
            "The ratio is the share of an image that the ensemble needs, divided by the geometric mean of the shares "
            "that its members need. It is computed for each of the members' two searches. MITIGATED requires that both "
            "intervals lie wholly above this limit. 1 to 100. Default: 1.1.",
        ),
    ] = None,
    accuracy_limit: Annotated[
        float | None,
        option(
            STATISTICS,
            "--accuracy-limit",
            "DIFFERENCE",
            "MITIGATED requires that the whole interval of the difference in accuracy lies above this limit. The "
            "difference is the ensemble's accuracy, minus the mean of its members. -1 to 0. Default: -0.02.",
        ),
    ] = None,
    run: options.RunOptions,
    output: options.OutputOptions,
) -> None:
    """Audit an ensemble and its members on the same images. Say whether the ensemble overinterprets less.

    At each threshold, each member is searched twice. The first search is of the member as it is, with the controls. The
    second is without controls; it divides the member's logits by a temperature at which the member is confident on as
    many images as the ensemble. With several thresholds, the exit code is that of the worst verdict.

    Exit codes: 0 MITIGATED, 1 NOT_MITIGATED, 4 INCONCLUSIVE; 2 wrong usage, 3 not completed, 5 model or data refused,
    130 interrupted.
    """
    if len(member) < FEWEST_MEMBERS:
        raise InvalidArgument(f"--member: expected {FEWEST_MEMBERS} or more, got {len(member)}; repeat the option")
    outputs = checked_outputs(output.output or ())
    if out_of_distribution_labels and out_of_distribution is None:
        raise InvalidArgument(
            "--out-of-distribution-labels: needs --out-of-distribution; add --out-of-distribution FOLDER"
        )
    refuse_absent_label_files("--photo-labels", photo_labels, label_names)
    refuse_absent_images("--out-of-distribution", out_of_distribution)
    refuse_absent_label_files("--out-of-distribution-labels", out_of_distribution_labels, None)
    images = checked_images(photos, photo_labels, label_names, sample=run.sample)
    outside = (
        checked_images(out_of_distribution, out_of_distribution_labels, label_names, sample=0)
        if out_of_distribution is not None
        else None
    )
    request = search_request(
        search,
        options.MethodOptions(),
        controls,
        run,
        statistics=Statistics(
            level=statistics.level, alpha=statistics.alpha, ratio_limit=ratio_limit, accuracy_limit=accuracy_limit
        ),
        matched=True,
    )
    with view(quiet=output.quiet) as shown, connected(shown) as client:
        say_files(shown, photos, images.images, images.skipped)
        members = [client.models.version(one) for one in member]
        _refuse_unfit(images.images, outside.images if outside else (), members)
        ensemble = client.models.ensemble(name or _name_of(members), members=members, combine=combine)
        dataset = uploaded(client, photos, images.images, shown)
        second: Dataset | str = ""
        if out_of_distribution is not None and outside is not None:
            say_files(shown, out_of_distribution, outside.images, outside.skipped)
            second = uploaded(client, out_of_distribution, outside.images, shown)
        versions = [*members, ensemble]
        done = audited(client, versions, dataset, request, shown, reuse=not run.no_reuse, out_of_distribution=second)
        result = done.result()
        written = write_outputs(done, outputs)
    report = ", ".join(map(str, written.paths)) or report_command(done.name)
    _show_verdict(result, written, report, as_json=output.as_json)


def _refuse_unfit(images: Sequence[Image], outside: Sequence[Image], members: Sequence[ModelVersion]) -> None:
    """Refuse labels that a member does not know, and arrays outside its bounds. `outside` is the second set."""
    for one in members:
        refuse_unknown_labels([*images, *outside], one.class_labels, one.class_count)
    first = members[0]  # an ensemble's members have the same bounds
    if first.input is None:
        return
    named = short_version(first.name)
    refuse_values_outside(images, first.input, named, way=REGISTERED)
    refuse_values_outside(outside, first.input, named, option="--out-of-distribution", way=REGISTERED)


def _name_of(members: Sequence[ModelVersion]) -> str:
    return "-".join(["ensemble", *(last_part(one.name.rsplit("/versions/")[0]) for one in members)])[:LONGEST_NAME]


def _show_verdict(result: Result, written: Written, report: str, *, as_json: bool) -> None:
    verdicts = {one.verdict for one in result.mitigation}
    code = next((code for verdict, code in CODES if verdict in verdicts), INCONCLUSIVE)
    with printing():
        if as_json:
            print_json(result.document["mitigation"])
        else:
            _print_verdict(result, report)
    settle_outputs(written, code)
    raise typer.Exit(code)


def _print_verdict(result: Result, report: str) -> None:
    for one in result.mitigation:
        for line in mitigation_lines(one, result.called):
            print_text(stdout(), line)
    print_text(stdout(), f"report: {report}")
