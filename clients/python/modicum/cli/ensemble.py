"""`modicum ensemble`: whether an ensemble mitigates what its members do."""

from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.audit import audited, connected, uploaded
from modicum.cli.consoles import answer_json, answers
from modicum.cli.exits import DONE, INCONCLUSIVE, VIOLATED, guarded
from modicum.cli.orders import checked_pictures, search_order
from modicum.cli.outputs import checked_outputs, write_outputs
from modicum.cli.tables import mitigation_lines
from modicum.cli.views import view
from modicum.errors import InvalidArgument
from modicum.naming import last_part
from modicum.results import Result
from modicum.searches import Fill, SearchMethod
from modicum.statistics import Statistics
from modicum.versions import Combine

app = typer.Typer(no_args_is_help=True, help="Ensembles of registered models.")

FEWEST_MEMBERS = 2
CODES = (("NOT_MITIGATED", VIOLATED), ("INCONCLUSIVE", INCONCLUSIVE), ("MITIGATED", DONE))
"""The worst verdict of several thresholds decides."""


@app.callback()
def _ensembles() -> None:
    """Ensembles of registered models."""


@app.command()
@guarded
def check(
    photos: Annotated[Path, typer.Argument(help="A folder (of class folders, or flat), a .csv or an .npz; labelled.")],
    *,
    member: Annotated[list[str], typer.Option("--member", help="MODEL, MODEL/VERSION or a full name; two or more.")],
    combine: Annotated[Combine, typer.Option(help="How the members' answers are joined.")] = Combine.MEAN_LOGITS,
    name: Annotated[str, typer.Option("--name", help="Name of the ensemble among the models; its members' else.")] = "",
    photo_labels: options.PhotoLabels = None,
    ood: Annotated[
        Path | None,
        typer.Option("--ood", help="Labelled photographs unlike those of the training: accuracy must hold there too."),
    ] = None,
    ood_labels: Annotated[
        Path | None, typer.Option("--ood-labels", help="The same as --photo-labels, for a flat folder of --ood.")
    ] = None,
    threshold: options.Threshold = None,
    passes: options.Passes = 0,
    fill: options.FillChoice = Fill.MEAN,
    seed: options.Seed = 0,
    sample: options.Sample = 0,
    device: options.Device = "auto",
    control: options.Controls = None,
    no_controls: options.NoControls = False,
    pixel_subsets: options.PixelSubsets = None,
    level: options.Level = None,
    alpha: options.Alpha = None,
    ratio_limit: options.RatioLimit = None,
    accuracy_limit: options.AccuracyLimit = None,
    output: options.Outputs = None,
    no_reuse: options.NoReuse = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Audit an ensemble and its members on the same photographs, and say whether it mitigates overinterpretation.

    The members are searched twice: as they are, with the controls of an audit, and at temperatures matched to the
    ensemble's confidence, with none.
    Exit codes: 0 MITIGATED, 1 NOT_MITIGATED, 4 INCONCLUSIVE; 2 usage, 3 not completed, 5 model or data refused.
    """
    if len(member) < FEWEST_MEMBERS:
        raise InvalidArgument(f"--member: expected {FEWEST_MEMBERS} or more, got {len(member)}; repeat the option")
    outputs = checked_outputs(output or ())
    if ood_labels and ood is None:
        raise InvalidArgument("--ood-labels: expected beside --ood, got it alone")
    pictures = checked_pictures(photos, photo_labels, sample=sample)
    second = None if ood is None else checked_pictures(ood, ood_labels, sample=0)
    order = search_order(
        threshold,
        controls=control,
        no_controls=no_controls,
        pixel_subsets=pixel_subsets,
        device=device,
        method=SearchMethod.MASK_OPTIMIZATION,
        passes=passes,
        pixels_per_step=0,
        fraction=0.0,
        fill=fill,
        seed=seed,
        sample=sample,
        matched=True,
        statistics=Statistics(level=level, alpha=alpha, ratio_limit=ratio_limit, accuracy_limit=accuracy_limit),
    )
    with view(quiet=quiet) as shown, connected(shown) as client:
        members = [client.models.version(one) for one in member]
        named = name or "-".join(["ensemble", *(last_part(one.name.rsplit("/versions/")[0]) for one in members)])[:63]
        ensemble = client.models.ensemble(named, members=members, combine=combine)
        dataset = uploaded(client, photos, pictures, shown)
        outside = "" if ood is None or second is None else uploaded(client, ood, second, shown)
        done = audited(client, [*members, ensemble], dataset, order, shown, reuse=not no_reuse, outside=outside)
        result = done.result()
        write_outputs(done, outputs)
    _answer(result, as_json=as_json)


def _answer(result: Result, *, as_json: bool) -> None:
    if as_json:
        answer_json(result.document["mitigation"])
    else:
        for one in result.mitigation:
            for line in mitigation_lines(one, result.called):
                answers().print(line, markup=False, soft_wrap=True)
    verdicts = {one.verdict for one in result.mitigation}
    raise typer.Exit(next((code for verdict, code in CODES if verdict in verdicts), INCONCLUSIVE))
