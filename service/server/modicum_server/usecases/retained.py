"""What the retention of a project has deleted: the sentence that says so, and the refusal to go on without it."""

from collections.abc import Iterable
from datetime import datetime

from modicum_server.domain.audits import Audit
from modicum_server.domain.datasets import Dataset
from modicum_server.ports import RetentionPassed, Transaction


def report_in_words(audit: Audit) -> str:
    """Return the sentence on a result that was deleted; empty while it is kept."""
    if audit.report_delete_time is None:
        return ""
    return f"The result of {audit.name} was deleted {_when(audit.report_delete_time, audit.name)}, so it has no report"


def findings_in_words(audit: Audit) -> str:
    """Return the sentence on findings that were deleted; empty while they are kept."""
    if audit.findings_delete_time is None:
        return ""
    return f"The findings of {audit.name} were deleted {_when(audit.findings_delete_time, audit.name)}"


def images_in_words(dataset: Dataset) -> str:
    """Return the sentence on pictures that were deleted; empty while they are kept."""
    if dataset.images_delete_time is None:
        return ""
    return f"The pictures of {dataset.name} were deleted {_when(dataset.images_delete_time, dataset.name)}"


def require_report(audit: Audit) -> None:
    """Refuse an audit whose result was deleted.

    Raises:
        RetentionPassed
    """
    if sentence := report_in_words(audit):
        raise RetentionPassed(f"{sentence}. To get a result, audit again", name=audit.name)


def require_findings(audit: Audit) -> None:
    """Refuse an audit whose findings were deleted.

    Raises:
        RetentionPassed
    """
    if sentence := findings_in_words(audit):
        raise RetentionPassed(f"{sentence}. To get findings, audit again", name=audit.name)


async def require_images(transaction: Transaction, names: Iterable[str]) -> None:
    """Refuse a data set whose pictures were deleted. One that does not exist is not looked at.

    Raises:
        RetentionPassed
    """
    for name in names:
        dataset = await transaction.datasets.get(name)
        sentence = "" if dataset is None else images_in_words(dataset)
        if sentence:
            raise RetentionPassed(f"{sentence}. Upload them again as a data set of another name", name=name)


async def told_of(transaction: Transaction, audit: Audit) -> list[str]:
    """Return a sentence on each thing of an audit that was deleted."""
    datasets = [await transaction.datasets.get(name) for name in audit.specification.datasets]
    images = [images_in_words(dataset) for dataset in datasets if dataset is not None]
    findings = findings_in_words(audit)
    figures = "" if audit.report_delete_time else ", so the report has only figures of them"
    said = [report_in_words(audit), f"{findings}{figures}" if findings else "", *images]
    return [f"{sentence}." for sentence in said if sentence]


def _when(moment: datetime, name: str) -> str:
    project = "/".join(name.split("/")[:2])
    return f"on {moment:%Y-%m-%d}, as the retention of {project} says"
