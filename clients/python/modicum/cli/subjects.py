"""What an audit is about, as a command takes it: a model from a file or a registry, and images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from modicum.cli.options import MODEL, Counterfactuals, ImageOptions, ModelOptions, option
from modicum.errors import InvalidArgument
from modicum.registries.model_choice import KINDS
from modicum.registries.port import is_registered

Places = Annotated[
    list[str],
    typer.Argument(
        metavar="[MODEL] PHOTOS",
        help="MODEL: only for a model in MLflow, instead of --weights: models:/NAME/VERSION or models:/NAME@ALIAS. "
        "PHOTOS: a folder of images (pictures or .npy arrays), with or without class folders; a .csv of file,label; "
        "an .npz; a .tar, such as a WebDataset; a .parquet; or one image.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectOptions:
    """What an audit is about: a model, and images."""

    places: Places
    model: ModelOptions
    name: Annotated[
        str | None, option(MODEL, "--name", "NAME", ("Name of the model. Default: the name of its file."))
    ] = None
    images: ImageOptions
    counterfactual: Counterfactuals = None

    @property
    def registered(self) -> str | None:
        """The model's name in a registry, if it is in one.

        Raises:
            InvalidArgument: PHOTOS are missing, or there are too many arguments.
        """
        *models, photos = self.places
        if is_registered(photos):
            raise InvalidArgument(
                f"expected PHOTOS after {photos}: a folder of images, a .csv, an .npz, a .tar or a .parquet"
            )
        if len(models) > 1 or not all(map(is_registered, models)):
            raise InvalidArgument(
                f"expected one folder of images, a .csv, an .npz, a .tar or a .parquet; got {', '.join(self.places)}"
                f"{_option_of_a_model(self.places)}"
            )
        return models[0] if models else None

    @property
    def photos(self) -> Path:
        """The images."""
        return Path(self.places[-1])


def _option_of_a_model(places: Sequence[str]) -> str:
    """The option for a model's file that was given as if it were photographs; empty if there is none."""
    kinds = ((place, KINDS.get(Path(place).suffix.lower())) for place in places)
    return next((f". For the model, say --{kind} {place}" for place, kind in kinds if kind), "")
