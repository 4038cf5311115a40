"""The photographs of findings as the search saw them: from the archive of a canvas report, in 8 bits."""

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from modicum.errors import DataLoss
from modicum.findings import Findings
from modicum.results import Result
from modicum.sources import png
from modicum.sources.inputs import InputSpecification

LARGEST_BYTE = 255
SUFFIX = ".npy"


def with_pictures(result: Result, canvas: IO[bytes], specification: InputSpecification) -> Result:
    """The result with a picture in each finding whose image the archive holds.

    Raises:
        DataLoss: the archive is damaged.
    """
    pictures = _pictures(canvas, specification)
    return replace(
        result,
        findings=Findings(replace(one, picture=pictures.get(one.image_digest)) for one in result.findings),
    )


def scaled(image: NDArray[np.float32], specification: InputSpecification) -> NDArray[np.uint8]:
    """The image (C, H, W) as (H, W, C) in 8 bits: the bounds become 0 and 255."""
    low, high = specification.lower_bound, specification.upper_bound
    values = np.rint((image.astype(np.float64) - low) / (high - low) * LARGEST_BYTE)
    pixels: NDArray[np.uint8] = np.clip(values, 0, LARGEST_BYTE).astype(np.uint8).transpose(1, 2, 0)
    return pixels


def _pictures(canvas: IO[bytes], specification: InputSpecification) -> Mapping[str, NDArray[np.uint8]]:
    """By digest, the images of the archive: grey or RGB, read-only."""
    try:
        with zipfile.ZipFile(canvas) as archive:
            return {
                name.removesuffix(SUFFIX): _picture(_array(archive, name), specification) for name in archive.namelist()
            }
    except (zipfile.BadZipFile, ValueError) as error:
        raise DataLoss("the server sent a damaged archive of images; try again") from error


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[np.float32]:
    with archive.open(name) as member:
        image: NDArray[np.float32] = npy.read_array(member, allow_pickle=False)
    return image


def _picture(image: NDArray[np.float32], specification: InputSpecification) -> NDArray[np.uint8]:
    """An image of 1 or 3 channels as it is; of another number of channels their mean, with its contrast stretched."""
    pixels = scaled(image if len(image) in png.COLOUR_TYPES else _mean(image, specification), specification)
    pixels.setflags(write=False)
    return pixels


def _mean(image: NDArray[np.float32], specification: InputSpecification) -> NDArray[np.float32]:
    mean = image.astype(np.float64).mean(axis=0, keepdims=True)
    least, most = mean.min(), mean.max()
    share = (mean - least) / (most - least) if most > least else np.full_like(mean, 0.5)
    low, high = specification.lower_bound, specification.upper_bound
    stretched: NDArray[np.float32] = (low + share * (high - low)).astype(np.float32)
    return stretched
