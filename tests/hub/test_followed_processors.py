"""Keys of processors that transformers follows otherwise than their names suggest."""

import numpy as np
import pytest
from modicum.errors import ModelFolderRefused
from modicum.sources.hub_folders import hub_folder

from tests.hub import hub_stage
from tests.hub.test_refused_folders import GOOD_CONFIG, GOOD_PREPROCESSOR, tensors, write

EFFICIENTNET = {"image_processor_type": "EfficientNetImageProcessor"}
POOLFORMER = {
    "image_processor_type": "PoolFormerImageProcessor",
    "size": {"shortest_edge": 90},
    "crop_size": {"height": 90, "width": 90},
}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "config.json", GOOD_CONFIG)
    (tmp_path / "model.safetensors").write_bytes(tensors(a=[0, 4]))
    return tmp_path


def followed(folder, **changes):
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, **changes})
    return hub_folder(folder).required_input()


@pytest.mark.parametrize(
    ("changes", "mean", "std"),
    [
        ({"do_normalize": False}, 0.0, 0.5),
        ({"do_normalize": None}, 0.0, 0.5),
        ({"do_normalize": False, "include_top": False}, 0.0, 1.0),
        ({"include_top": None}, 0.5, 0.5),
    ],
)
def test_efficientnet_divides_once_more_whether_it_normalises_or_not(folder, changes, mean, std):
    given = followed(folder, **EFFICIENTNET, **changes)

    assert (given.mean, given.std) == ((mean,) * 3, (std,) * 3)


@pytest.mark.parametrize("share", [{}, {"crop_pct": 0.9}])
def test_poolformer_without_a_share_takes_the_library_s(folder, share):
    assert followed(folder, **POOLFORMER, **share).resize == 100


def test_poolformer_of_an_oblong_size_is_refused(folder):
    with pytest.raises(ModelFolderRefused, match="size: 90 x 60 is not square, and is cropped"):
        followed(folder, **{**POOLFORMER, "size": {"height": 90, "width": 60}})


def test_only_efficientnet_subtracts_one(folder):
    assert followed(folder, rescale_offset=True).lower_bound == 0
    assert followed(folder, **EFFICIENTNET, rescale_offset=True).lower_bound == -1


CLIP = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": 96},
    "crop_size": {"height": 90, "width": 90},
}


def test_a_step_that_is_null_is_not_done(folder):
    assert followed(folder, do_normalize=None).std == (1.0,) * 3
    assert followed(folder, do_rescale=None).upper_bound == 255
    with pytest.raises(ModelFolderRefused, match="do_resize is false"):
        followed(folder, do_resize=None)
    with pytest.raises(ModelFolderRefused, match="pictures keep their shape and are not cropped"):
        followed(folder, **CLIP, do_center_crop=None)


@pytest.mark.parametrize("key", ["image_mean", "image_std", "resample", "rescale_factor", "size"])
def test_a_value_that_is_null_is_refused_as_by_transformers(folder, key):
    with pytest.raises(ModelFolderRefused, match=rf"{key}: expected .*, got None|{key}: expected .*; got None"):
        followed(folder, **{key: None})


def test_a_share_that_is_null_is_refused(folder):
    with pytest.raises(ModelFolderRefused, match=r"crop_pct: expected a number of at most .*, got None"):
        followed(folder, **POOLFORMER, crop_pct=None)


def prepared_by_transformers(kind, **values):
    """A picture as the library prepares it that is installed."""
    picture = np.arange(120 * 110 * 3, dtype=np.uint8).reshape(120, 110, 3)
    processor = getattr(hub_stage.transformers(), f"{kind}ImageProcessor").from_dict(values)
    return processor(picture, return_tensors="np")["pixel_values"]


@pytest.mark.parametrize("kind", ["CLIP", "EfficientNet", "ViT"])
@pytest.mark.parametrize("key", ["do_rescale", "do_normalize", "do_center_crop", "include_top"])
def test_transformers_takes_null_for_a_step_as_false(kind, key):
    null, false = (prepared_by_transformers(kind, **{key: value}) for value in (None, False))

    assert np.array_equal(null, false)


@pytest.mark.parametrize("kind", ["CLIP", "EfficientNet", "ViT"])
@pytest.mark.parametrize("key", ["image_mean", "image_std", "resample", "rescale_factor", "size"])
def test_transformers_takes_no_default_for_a_value_that_is_null(kind, key):
    with pytest.raises(ValueError, match=rf"`{key}`.* must (both )?be specified"):
        prepared_by_transformers(kind, **{key: None})
