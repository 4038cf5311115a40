"""`modicum verify`: whether weights are those of a signed verdict that passed, and what else was checked."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from modicum.attestation.checks import Verification
from modicum.attestation.extras import ATTEST, KEYLESS, require_extra
from modicum.cli import options
from modicum.cli.attest import SIGNATURE
from modicum.cli.consoles import print_json, print_text, printing, stdout
from modicum.cli.exit_codes import DONE, VIOLATED
from modicum.cli.options import FLAG, option
from modicum.client import Client
from modicum.errors import InvalidArgument, NotFound
from modicum.resource_names import printable
from modicum.sources.contents import file_content, whole_file

if TYPE_CHECKING:
    from modicum.attestation.model_signature import ModelSignature
    from modicum.attestation.sealing import Signer
    from modicum.attestation.verification import StoredResult

REQUIREMENTS = "Requirements"
DAYS = re.compile(r"(\d{1,5})d")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerOptions:
    """Who must have signed."""

    key: Annotated[
        Path | None,
        option(
            SIGNATURE,
            "--key",
            "FILE",
            "The signer's public key, ECDSA P-256 in PEM. Required, unless --identity and --issuer are given.",
        ),
    ] = None
    identity: Annotated[
        str | None,
        option(
            SIGNATURE,
            "--identity",
            "NAME",
            "The signer of a --keyless signature: an e-mail address, or the URL of a workflow.",
        ),
    ] = None
    issuer: Annotated[
        str | None,
        option(
            SIGNATURE,
            "--issuer",
            "URL",
            "Address of the sign-in service that confirmed --identity, such as "
            "https://token.actions.githubusercontent.com for GitHub Actions. Required with --identity.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What else must agree."""

    policy: Annotated[
        Path | None, option(REQUIREMENTS, "--policy", "FILE", "The verdict must have been made with this policy.")
    ] = None
    max_age: Annotated[
        str | None,
        option(
            REQUIREMENTS,
            "--max-age",
            "DAYS",
            "The verdict must be at most this many days old, such as 30d. The date of the audit does not count.",
        ),
    ] = None
    model_signature: Annotated[
        Path | None,
        option(REQUIREMENTS, "--model-signature", "FILE", "The OpenSSF `model.sig` that must list the weights."),
    ] = None
    model_key: Annotated[
        Path | None,
        option(
            REQUIREMENTS,
            "--model-key",
            "FILE",
            "The public key of the signer of `model.sig`. Without this key the signature is not verified, and the "
            "output says so.",
        ),
    ] = None
    stored: Annotated[
        bool,
        option(
            REQUIREMENTS,
            "--stored",
            FLAG,
            "Also ask the server. It must still have the judged findings, and no judged picture may have been "
            "erased after the verdict.",
        ),
    ] = False


def verify(
    weights: Annotated[
        list[Path],
        typer.Argument(metavar="WEIGHTS...", help="The file of weights. For an ensemble, the files of all members."),
    ],
    *,
    attestation: Annotated[
        Path, option(SIGNATURE, "--attestation", "FILE", "The file that `modicum attest --output FILE` wrote.")
    ],
    signer: SignerOptions,
    required: Requirements,
    as_json: options.Json = False,
) -> None:
    """Verify that these weights have a signed PASS. Prints what was checked, and what was not.

    Exit codes: 0 every check holds, 1 a check fails; 2 wrong usage, or a file is missing, 3 not completed,
    130 interrupted.
    """
    require_extra(ATTEST if signer.identity is None else KEYLESS, "attestations")
    from modicum.attestation.verification import Expected, verification_of  # noqa: PLC0415  # of the extra `attest`

    expected = Expected(
        weights={str(path): file_content(path).digest for path in weights},
        policy=None if required.policy is None else (str(required.policy), file_content(required.policy).digest),
        most_days=None if required.max_age is None else _days(required.max_age),
        model_signature=_model_signature(required),
    )
    data, signed_by, today = whole_file(attestation), _signer(signer), datetime.now(UTC).date()
    if not required.stored:
        _end_with(verification_of(data, signed_by, expected, today=today), as_json=as_json)
    with Client() as client:
        asking = replace(expected, stored=lambda audit: _stored(client, audit))
        found = verification_of(data, signed_by, asking, today=today)
    _end_with(found, as_json=as_json)


def _stored(client: Client, name: str) -> "StoredResult":
    """Return what the server has of an audit now."""
    from modicum.attestation.verification import StoredResult  # noqa: PLC0415  # of the extra `attest`

    try:
        audit = client.audits.get(name)
    except NotFound:
        return StoredResult("", why="the server does not know the audit, or the caller may not see it")
    snapshot = audit.snapshot
    if deleted := snapshot.findings_delete_time or snapshot.report_delete_time:
        return StoredResult("", snapshot.erased, f"the retention of the project deleted them on {deleted:%Y-%m-%d}")
    if not snapshot.result_digest:
        return StoredResult("", snapshot.erased, f"it is {snapshot.state} {snapshot.failure_reason}".rstrip())
    return StoredResult(audit.document()["findings"]["digest"], snapshot.erased)


def _signer(asked: SignerOptions) -> "Signer":
    if (asked.key is None) == (asked.identity is None) or (asked.identity is None) != (asked.issuer is None):
        raise InvalidArgument("expected --key FILE, or --identity NAME with --issuer URL")
    if asked.key is not None:
        from modicum.attestation.keys import public_key  # noqa: PLC0415  # of the extra `attest`
        from modicum.attestation.sealing import signer_with  # noqa: PLC0415  # of the extra `attest`

        return signer_with(public_key(asked.key))
    from modicum.attestation.keyless import signer_of  # noqa: PLC0415  # of the extra `keyless`

    return signer_of(asked.identity or "", asked.issuer or "")


def _model_signature(asked: Requirements) -> "ModelSignature | None":
    from modicum.attestation.keys import ANY_CURVE, public_key  # noqa: PLC0415  # of the extra `attest`
    from modicum.attestation.model_signature import ModelSignature  # noqa: PLC0415  # of the extra `attest`

    if asked.model_signature is None:
        if asked.model_key is not None:
            raise InvalidArgument("--model-key needs --model-signature FILE; add it, or leave the key out")
        return None
    key = None if asked.model_key is None else public_key(asked.model_key, ANY_CURVE)
    return ModelSignature(whole_file(asked.model_signature), str(asked.model_signature), key)


def _days(text: str) -> int:
    days = DAYS.fullmatch(text)
    if days is None:
        raise InvalidArgument(f"--max-age: expected a number of days such as 30d, got {text!r}")
    return int(days[1])


def _end_with(found: Verification, *, as_json: bool) -> NoReturn:
    """Print what was checked, and end the command: 0 where all of it holds, else 1."""
    with printing():
        if as_json:
            print_json({"verified": found.verified, **asdict(found)})
        else:
            for line in _lines(found):
                print_text(stdout(), printable(line))
    raise typer.Exit(DONE if found.verified else VIOLATED)


def _lines(found: Verification) -> Iterator[str]:
    failed = [check.name for check in found.checks if not check.holds]
    yield f"REFUSED: {', '.join(dict.fromkeys(failed))}" if failed else "VERIFIED: every check holds"
    for check in found.checks:
        yield f"{'ok' if check.holds else 'NO'}  {check.name}: {check.text}"
    for text in found.unchecked:
        yield f"not checked: {text}"
