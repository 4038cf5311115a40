"""`modicum attest`: a verdict as a signed statement, for whoever deploys the weights."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modicum.attestation.extras import ATTEST, KEYLESS, require_extra
from modicum.cli.consoles import print_error, print_text, printing, stdout
from modicum.cli.options import FLAG, OUTPUT, option
from modicum.cli.outputs import checked_suffix, refuse_overwriting, write_file
from modicum.errors import InvalidArgument, OutputNotWritten
from modicum.resource_names import printable
from modicum.sources.contents import whole_file

if TYPE_CHECKING:
    from modicum.attestation.sealing import Seal

SIGNATURE = "Signature"
PASSWORD_VARIABLE = "MODICUM_KEY_PASSWORD"  # noqa: S105  # its name
SUFFIXES = (".json",)
MADE_PUBLIC = (
    "warning: --keyless publishes your identity (an e-mail address, or a repository and its workflow) and digests of "
    "the statement in Sigstore's public log; nothing can be removed from it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningOptions:
    """Who signs."""

    key: Annotated[
        Path | None,
        option(
            SIGNATURE,
            "--key",
            "FILE",
            f"The private key that signs, ECDSA P-256 in PEM. {PASSWORD_VARIABLE} holds its password, if it has one.",
        ),
    ] = None
    keyless: Annotated[
        bool,
        option(
            SIGNATURE,
            "--keyless",
            FLAG,
            "Sign with Sigstore's public service, under your identity or the CI job's. This publishes forever the "
            "identity and the SHA-256 of what is signed.",
        ),
    ] = False


def attest(
    verdict: Annotated[
        Path, typer.Argument(metavar="VERDICT", help="A verdict, as `modicum gate --output verdict.json` writes it.")
    ],
    *,
    signing: SigningOptions,
    output: Annotated[
        Path,
        option(
            OUTPUT,
            "--output",
            "FILE",
            "Write the signed verdict, whether it is PASS or not, to this file, such as verdict.sigstore.json.",
        ),
    ],
    summary: Annotated[
        Path | None,
        option(
            OUTPUT,
            "--summary",
            "FILE",
            "On PASS, also write a second signed statement to this .json file, of the in-toto type svr/v0.1. It holds "
            "the digests of the weights and the property MODICUM_GATE_PASS, which a deployment system can require. For "
            "any other verdict, no such file is written, and an existing one is removed.",
        ),
    ] = None,
) -> None:
    """Sign a verdict together with the digest of the weights: an in-toto statement in a Sigstore bundle.

    Give --key or --keyless.

    Exit codes: 0 signed, for any verdict; 2 wrong usage, 3 not completed, 130 interrupted.
    """
    require_extra(KEYLESS if signing.keyless else ATTEST, "attestations")
    from modicum.attestation import statement  # noqa: PLC0415  # of the extra `attest`

    written = output, *([summary] if summary else [])
    refuse_overwriting(written, [verdict, signing.key])
    for path in written:
        checked_suffix(path, SUFFIXES)
    data = whole_file(verdict)
    told = statement.attestable_verdict(data, str(verdict), today=datetime.now(UTC).date())
    result, passed = statement.result_statement(told, data, verdict.name), statement.summary_statement(told)
    if summary is not None and passed is None:
        _refuse_removing_another(summary)
    seal = _seal(signing)
    write_file(output, seal(statement.canonical(result)))
    lines = [f"wrote {output}: {result['predicate']['result']}, signed; {told['summary']}"]
    if summary is not None and passed is not None:
        write_file(summary, seal(statement.canonical(passed)))
        lines.append(f"wrote {summary}: {statement.GATE_PASS}, signed")
    elif summary is not None:
        lines.append(_without_summary(summary))
    with printing():
        for line in lines:
            print_text(stdout(), printable(line))


def _seal(signing: SigningOptions) -> "Seal":
    if (signing.key is None) != signing.keyless:
        raise InvalidArgument("expected one of --key FILE and --keyless")
    if signing.key is None:
        print_error(MADE_PUBLIC)
        from modicum.attestation.keyless import keyless_seal  # noqa: PLC0415  # of the extra `keyless`

        return keyless_seal()
    from modicum.attestation.keys import private_key  # noqa: PLC0415  # of the extra `attest`
    from modicum.attestation.sealing import seal_with  # noqa: PLC0415  # of the extra `attest`

    return seal_with(private_key(signing.key, os.environ.get(PASSWORD_VARIABLE)))


def _refuse_removing_another(path: Path) -> None:
    """Refuse to remove a file, unless it is a signed summary.

    Raises:
        InvalidArgument
    """
    from modicum.attestation.bundle import MEDIA_TYPE  # noqa: PLC0415  # of the extra `attest`

    if path.is_file() and MEDIA_TYPE.encode() not in path.read_bytes():
        raise InvalidArgument(
            f"--summary {path}: there is no summary to write, because the verdict is not a PASS of required rules, and "
            "the file there is no signed summary, so it is not removed; name another file"
        )


def _without_summary(path: Path) -> str:
    """Remove a summary of an earlier verdict, so that it does not speak for this one."""
    existed = path.is_file()
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputNotWritten(f"output {path}: could not be removed: {error.strerror}") from error
    return f"no summary, because the verdict is not a PASS of required rules{f'; removed {path}' if existed else ''}"
