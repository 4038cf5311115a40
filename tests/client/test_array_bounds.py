"""Arrays of values outside the bounds are refused before anything is sent, with their range and what to do."""

import numpy as np
import pytest
from modicum.cli.array_bounds import refuse_values_outside
from modicum.errors import InvalidArgument, InvalidSource
from modicum.sources.inputs import InputSpecification
from modicum.sources.npy import BOUNDS_SLACK
from modicum_sis.images.source import BOUNDS_SLACK as OF_THE_SEARCHES

from tests.client.scripted_results import succeeded
from tests.client.test_mitigation_results import CHECK
from tests.client.test_whole_commands import MODEL, measured
from tests.found_images import find_images

ENSEMBLE = "ensemble check --member a --member b"
RAMP = np.random.default_rng(3).permutation(np.linspace(0, 1, 288, dtype=np.float32)).reshape(6, 4, 4, 3)


def given(low=0.0, high=1.0) -> InputSpecification:
    return InputSpecification(height=4, width=4, mean=(0.0,) * 3, std=(1.0,) * 3, lower_bound=low, upper_bound=high)


def refuse(path, input_=None) -> None:
    refuse_values_outside(find_images(path), input_ or given(), "--input in.toml")


@pytest.mark.parametrize(
    ("images", "bounds", "found", "cure"),
    [
        (RAMP * 255, (0, 1), "0 to 255", "Divide them by 255, or give an --input FILE.toml with `bounds = [0, 255]`"),
        (RAMP * 2 - 1, (0, 1), "-1 to 1", "Add 1 to them and divide them by 2, or give an --input FILE.toml with `b"),
        (RAMP * 255, (-1, 1), "0 to 255", "Scale them from 0 to 255 to -1 to 1"),
        (RAMP * 6 - 2, (0, 1), "-2 to 4", "If they are normalised already, undo that"),
    ],
)
def test_an_npz_outside_the_bounds_is_refused_with_its_range_and_the_cure(tmp_path, images, bounds, found, cure):
    np.savez(tmp_path / "a.npz", images=images)

    with pytest.raises(InvalidArgument) as caught:
        refuse(tmp_path / "a.npz", given(*bounds))

    expected = "expected float32 values from {} to {}, the bounds of --input in.toml; found values from".format(*bounds)
    assert f"{expected} {found} in 6 of the 6 arrays that were read" in str(caught.value)
    assert cure in str(caught.value)


def test_files_of_arrays_are_refused_alike(tmp_path):
    for place, image in enumerate(RAMP * 255):
        np.save(tmp_path / f"{place}.npy", image)

    with pytest.raises(InvalidArgument, match=r"found values from 0 to 255 in 6 of the 6 arrays .* first is 0\.npy"):
        refuse(tmp_path)


def test_arrays_of_nan_are_refused_as_such(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.full_like(RAMP, np.nan))

    with pytest.raises(InvalidArgument, match=r"found NaN or infinity in 6 of the 6 arrays .* Replace such values"):
        refuse(tmp_path / "a.npz")


def test_a_few_arrays_outside_are_left_to_the_server(tmp_path):
    images = RAMP.copy()
    images[0, 0], images[1, 0] = np.nan, 7
    np.savez(tmp_path / "a.npz", images=images)
    np.savez(tmp_path / "whole.npz", images=(RAMP * 255).astype(np.uint16))

    refuse(tmp_path / "a.npz")
    refuse(tmp_path / "whole.npz")


def test_the_bounds_are_those_of_the_server(tmp_path):
    np.savez(tmp_path / "a.npz", images=RAMP * np.float32(1 + BOUNDS_SLACK / 2))

    refuse(tmp_path / "a.npz")

    assert BOUNDS_SLACK == OF_THE_SEARCHES


def test_an_npz_without_images_is_refused_as_such(tmp_path):
    np.savez(tmp_path / "a.npz", images=RAMP[:0])

    with pytest.raises(InvalidSource, match=r"a\.npz: expected images; its array images holds none"):
        find_images(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"audit large.npz {MODEL}", "expected float32 values from 0 to 1, the bounds of --input imagenet; found "),
        (f"audit fit.npz {MODEL} --counterfactual large.npz", "--counterfactual: expected float32 values from 0 to 1"),
        (f"{ENSEMBLE} large.npz", "or register the members with an --input FILE.toml with `bounds = [0, 255]`"),
        (f"{ENSEMBLE} fit.npz --out-of-distribution large.npz", "--out-of-distribution: expected float32 values from"),
    ],
)
def test_a_command_refuses_them_before_anything_is_uploaded(shell, script, tmp_path, line, says):
    np.savez(tmp_path / "fit.npz", images=RAMP)
    np.savez(tmp_path / "large.npz", images=RAMP * 255)
    succeeded(script, {**measured(), "mitigation": [{**CHECK, "verdict": "MITIGATED"}]})
    held = set(script.artifacts)

    ended = shell(f"modicum {line} --quiet")

    said = " ".join(ended.stderr.split())
    assert ended.returncode == 2, said
    assert says in said
    assert "found values from 0 to 255" in said
    assert set(script.artifacts) == held
