"""Keys of processors that transformers follows otherwise than their names suggest."""

import pytest
from modicum.errors import ModelFolderRefused
from modicum.sources.hub_folders import hub_folder

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
        ({"do_normalize": None}, 0.5, 0.25),
        ({"do_normalize": False, "include_top": False}, 0.0, 1.0),
        ({"include_top": None}, 0.5, 0.25),
    ],
)
def test_efficientnet_divides_once_more_whether_it_normalises_or_not(folder, changes, mean, std):
    given = followed(folder, **EFFICIENTNET, **changes)

    assert (given.mean, given.std) == ((mean,) * 3, (std,) * 3)


@pytest.mark.parametrize("share", [{}, {"crop_pct": None}, {"crop_pct": 0.9}])
def test_poolformer_without_a_share_takes_the_library_s(folder, share):
    assert followed(folder, **POOLFORMER, **share).resize == 100


def test_poolformer_of_an_oblong_size_is_refused(folder):
    with pytest.raises(ModelFolderRefused, match="size: 90 x 60 is not square, and is cropped"):
        followed(folder, **{**POOLFORMER, "size": {"height": 90, "width": 60}})


def test_only_efficientnet_subtracts_one(folder):
    assert followed(folder, rescale_offset=True).lower_bound == 0
    assert followed(folder, **EFFICIENTNET, rescale_offset=True).lower_bound == -1
