"""A model that is served elsewhere: nothing of it is here, so nothing is uploaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modicum.errors import InvalidArgument, ModelRejected
from modicum.resource_names import checked_text
from modicum.sources.endpoint_addresses import address_refusal
from modicum.sources.inputs import EXPECTED_INPUT, InputSpecification, input_specification
from modicum.sources.labels import class_names


@dataclass(frozen=True, slots=True)
class ServedModel:
    """An endpoint that the server's operator granted, by its name or its whole address."""

    endpoint: str

    def __str__(self) -> str:
        return self.endpoint

    @property
    def name(self) -> str:
        """What to call the model, where nobody says it: the end of its name or address."""
        return self.endpoint.rstrip("/").rpartition("/")[2]

    def input(self, given: str | Path | InputSpecification | None) -> InputSpecification:
        """The input specification.

        Raises:
            InvalidArgument: the given one is not valid, or none is given.
        """
        if given is None:
            raise InvalidArgument(
                f"--endpoint {self.endpoint} needs --input: an endpoint does not say how its images are prepared. "
                f"Expected {EXPECTED_INPUT}, such as --input imagenet for a model of ImageNet",
                reason="INPUT_MISSING",
            )
        return input_specification(given)

    def labels(self, given: str | Path | Sequence[str] | None) -> tuple[str, ...]:
        """The names of the classes; none if none are given.

        Raises:
            InvalidSource: the given ones are not valid.
        """
        return class_names(given)


def served_model(endpoint: str, **files: object) -> ServedModel:
    """The model behind an endpoint. `files` are other ways to name a model, none of which may be given.

    Raises:
        InvalidArgument: another way is given, too, or the name is not valid.
        ModelRejected: the name is an address that lacks a part.
    """
    if others := [name for name, value in files.items() if value is not None]:
        raise InvalidArgument(f"endpoint: the model is served elsewhere; remove {' and '.join(others)}")
    name = checked_text(endpoint, "endpoint: the name of an endpoint")
    if refusal := address_refusal(name):
        raise ModelRejected(refusal, reason="ENDPOINT_UNKNOWN")
    return ServedModel(name)
