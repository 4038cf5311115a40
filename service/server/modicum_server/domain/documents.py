"""Domain values as JSON: one form for the rows of the findings artifact and the JSON documents of the database.

The form follows from the records: a field that is added to one is written and read without a line here. A field with a
default may be missing in what is read, so that what earlier releases wrote stays readable; unknown names are left out.
"""

from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from modicum_server.domain.audits import AuditOutcome, AuditSpecification
from modicum_server.domain.buildable import Family
from modicum_server.domain.erasures import Receipt
from modicum_server.domain.findings import Finding, TransferFinding
from modicum_server.domain.models import InputSpecification, ModelCheck
from modicum_server.domain.reviews import ReviewPicture, ReviewPlan
from modicum_server.domain.spot_swaps import SwapPlan, SwapScore
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.verdicts import VerdictRule

T = TypeVar("T")
Document = dict[str, Any]

FINDING: Final = TypeAdapter(Finding)
TRANSFER: Final = TypeAdapter(TransferFinding)
SPECIFICATION: Final = TypeAdapter(AuditSpecification)
FAMILIES: Final = TypeAdapter(dict[str, Family])
OUTCOME: Final = TypeAdapter(AuditOutcome)
INPUT: Final = TypeAdapter(InputSpecification)
CHECK: Final = TypeAdapter(ModelCheck)
SPOT_ROW: Final = TypeAdapter(SpotRow)
SWAP_PLAN: Final = TypeAdapter(SwapPlan)
SWAP_SCORE: Final = TypeAdapter(SwapScore)
VERDICT_RULE: Final = TypeAdapter(VerdictRule)
RECEIPT: Final = TypeAdapter(Receipt)
REVIEW_PLAN: Final = TypeAdapter(ReviewPlan)
REVIEW_PICTURE: Final = TypeAdapter(ReviewPicture)


def document_of(form: TypeAdapter[T], value: T, *, only: set[str] | None = None) -> Document:
    """Return the value as JSON values: all of its fields, or only some."""
    document: Document = form.dump_python(value, mode="json", include=only)
    return document


def value_of(form: TypeAdapter[T], document: Document) -> T:
    """Return the value of a document.

    Raises:
        pydantic.ValidationError: it is not one of that form.
    """
    return form.validate_python(document)
