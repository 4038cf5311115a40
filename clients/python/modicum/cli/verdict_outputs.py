"""How a verdict leaves the command: its outputs, its ten lines, and its exit code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from modicum.cli import options
from modicum.cli.consoles import print_error, print_json, print_text, printing, stdout
from modicum.cli.documents import refusing_parts
from modicum.cli.exit_codes import DONE, INCONCLUSIVE, VIOLATED
from modicum.cli.options import FLAG, OUTPUT, option
from modicum.cli.outputs import NOTHING_WRITTEN, Written, checked_suffix, refuse_overwriting, settle_outputs, write_each
from modicum.gate.judging import judge
from modicum.gate.policy import Inconclusive, Policy
from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.terminal import next_step, terminal_lines
from modicum.gate.verdict import Outcome, Verdict

POLICY = "Policy"
DEFAULT_POLICY = Path("modicum.yaml")
FORM_WORDS = {
    ".codequality.json": "code quality of GitLab",
    ".metrics.txt": "metrics of GitLab",
    ".json": "for `render` and `attest`",
    ".xml": "JUnit",
    ".md": "a job's summary",
    ".sarif": "code scanning",
    ".html": "a page",
}
SUFFIXES = ", ".join(f"{suffix} ({FORM_WORDS[suffix]})" for suffix in FORMS)
SAID = {
    Inconclusive.WARN: "warning: the verdict is INCONCLUSIVE; the policy says warn, so the exit code is 0",
    Inconclusive.ALLOW: "the verdict is INCONCLUSIVE; the policy allows that, so the exit code is 0",
}


VerdictOutputs = Annotated[
    list[Path] | None,
    option(
        OUTPUT,
        "--output",
        "FILE",
        f"Write the verdict to a file, in the format of its suffix: {SUFFIXES}. Repeatable.",
        short="-o",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictOptions:
    """By which policy to judge, and where the verdict goes."""

    policy: Annotated[
        Path, option(POLICY, "--policy", "FILE", "The policy; `modicum policy init` writes a first one.")
    ] = DEFAULT_POLICY
    exit_zero: Annotated[
        bool, option(POLICY, "--exit-zero", FLAG, "Exit with 0 for every verdict; errors keep their codes.")
    ] = False
    save: Annotated[
        bool,
        option(
            OUTPUT, "--save", FLAG, "Let the server judge the audit, in place of this command, and store the verdict."
        ),
    ] = False
    output: VerdictOutputs = None
    as_json: options.Json = False


@dataclass(frozen=True, slots=True)
class VerdictOutput:
    """A file to write, and the suffix that decides its form."""

    path: Path
    suffix: str


def verdict_outputs(paths: Sequence[Path], *, read: Iterable[Path | None] = ()) -> tuple[VerdictOutput, ...]:
    """The outputs. Each is checked to be writable, and to be none of the files that the command reads.

    Raises:
        InvalidArgument: a suffix is unknown, a file cannot be written, is read, or is named twice.
    """
    refuse_overwriting(paths, read)
    return tuple(VerdictOutput(path, checked_suffix(path, FORMS)) for path in paths)


def judged(document: Mapping[str, Any], policy: Policy, source: str, *, baseline: Mapping[str, Any] | None) -> Verdict:
    """Judge a result document as of today.

    Raises:
        InvalidSource: a part of a document is missing; names `source`.
        PolicyError: the policy cannot be applied to it, or the extra `gate` is missing.
    """
    with refusing_parts(source):
        return judge(document, policy, today=datetime.now(UTC).date(), baseline=baseline)


def exit_code_of(verdict: Verdict, *, exit_zero: bool = False) -> int:
    """The exit code of a verdict by its policy; 0 with `--exit-zero`."""
    if exit_zero:
        return DONE
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return INCONCLUSIVE if verdict.policy.inconclusive is Inconclusive.FAIL else DONE
    return VIOLATED if verdict.outcome is Outcome.FAIL else DONE


def show_verdict(
    verdict: Verdict, outputs: tuple[VerdictOutput, ...], judging: VerdictOptions, *, earlier: Written = NOTHING_WRITTEN
) -> None:
    """Write the outputs, say where the exit code does not tell the outcome, and print the verdict.

    `earlier` are files of the result, which were written before and are named beside the outputs.

    Raises:
        OutputNotWritten: a file could not be written, and the verdict's exit code is 0.
    """
    code, document = exit_code_of(verdict), verdict.as_json()
    written = write_verdict(document, outputs) + earlier
    if verdict.outcome is Outcome.INCONCLUSIVE and code == DONE:
        print_error(SAID[verdict.policy.inconclusive])
    if judging.exit_zero and code != DONE:
        print_error(f"the exit code is 0 because of --exit-zero; without it, it is {code}")
    with printing():
        print_verdict(document, written.paths, as_json=judging.as_json)
    if not judging.as_json and (step := next_step(document)):
        print_error(step)
    settle_outputs(written, exit_code_of(verdict, exit_zero=judging.exit_zero))


def write_verdict(document: Mapping[str, Any], outputs: Sequence[VerdictOutput]) -> Written:
    """Write a verdict's document in each of the forms; one that cannot be written does not keep the others back."""
    return write_each((output.path, FORMS[output.suffix](document)) for output in outputs)


def print_verdict(document: Mapping[str, Any], written: Iterable[Path], *, as_json: bool) -> None:
    """Print a verdict's document in ten lines at most, and the files that were written; or as JSON."""
    if as_json:
        print_json(document)
        return
    for line in [*terminal_lines(document), *(f"wrote {path}" for path in written)]:
        print_text(stdout(), line)
