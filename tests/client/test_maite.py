"""Models and data sets of MAITE: the protocols are those of the package, checked by it at every call."""

import importlib
import warnings

import numpy as np
import pytest
import torch
from modicum import maite
from modicum.errors import InvalidArgument
from modicum.maite_checks import label_of
from modicum.sources.images import found_in
from modicum_sis import class_targeted

BOUNDS = (0.0, 1.0)
NAMES = {0: "dark", 1: "bright"}


class FirstPixel:
    """Two classes: how bright the first pixel is decides alone, with a logit of 12 at most."""

    def __init__(self, as_array=np.asarray):
        self.metadata = {"id": "first-pixel", "index2label": NAMES}
        self.as_array = as_array
        self.seen = []

    def __call__(self, batch):
        self.seen += [(image.shape, image.dtype) for image in batch]
        return [self.as_array(np.array([0.0, 24.0 * (float(image[0, 0, 0]) - 0.5)], np.float32)) for image in batch]


class Pictures:
    """Grey pictures of 8 x 8. The first pixel of every second one is bright."""

    def __init__(self, count=6, *, dtype=np.float32, side=8):
        self.metadata = {"id": "pictures", "index2label": NAMES}
        self.count, self.dtype, self.side = count, dtype, side

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        image = np.full((3, self.side, self.side), 0.5)
        image[:, 0, 0] = index % 2
        scale = 255 if self.dtype == np.uint8 else 1
        return (image * scale).astype(self.dtype), np.eye(2)[index % 2], {"id": f"picture-{index}"}


def checked(protocol: str, component):
    """The component behind MAITE's own check of each call, of what it is given and of what it returns."""
    pytest.importorskip("beartype")
    maite_protocols = pytest.importorskip("maite.protocols.image_classification")
    spotcheck = importlib.import_module("maite.spotcheck")
    return spotcheck.spotcheck_component(getattr(maite_protocols, protocol))(component)


def test_a_model_and_a_data_set_that_maite_checks_are_audited_by_forward_passes():
    model, dataset = checked("Model", FirstPixel()), checked("Dataset", Pictures())

    found = maite.audit(model, dataset, bounds=BOUNDS, threshold=0.9, passes=200)

    assert (found.model, found.dataset, found.class_names) == ("first-pixel", "pictures", NAMES)
    assert [(image.id, image.label) for image in found.images][:2] == [("picture-0", 0), ("picture-1", 1)]
    assert (found.accuracy, found.eligible) == (1.0, 6)
    assert {finding.parameters.gradient_free for finding in found.findings} == {True}
    bright = found.findings[1]
    assert bright.subset.mask[0, 0]
    assert bright.subset.size == 1
    assert (found.baseline_confident, found.overinterpretation_rate()) == (0, 1.0)
    assert found.overinterpretation_rate(alpha=0.01) == 0.0


@pytest.mark.parametrize(("colour", "bare", "rate"), [(0.0, 3, 1.0), ([1.0, 0.5, 0.5], 3, 1.0), (None, 0, 1.0)])
def test_images_on_which_the_bare_fill_suffices_are_in_no_rate(colour, bare, rate):
    found = maite.audit(FirstPixel(), Pictures(), bounds=BOUNDS, threshold=0.9, passes=60, fill_mean=colour)

    assert (found.eligible, found.baseline_confident, found.overinterpretation_rate()) == (6, bare, rate)


def test_without_an_eligible_image_there_is_no_rate():
    found = maite.audit(FirstPixel(), Pictures(2), bounds=BOUNDS, threshold=1 - 1e-9, passes=20)

    assert (found.eligible, found.overinterpretation_rate()) == (0, None)


def test_predictions_are_those_of_the_tasks_of_maite():
    tasks = pytest.importorskip("maite.tasks")
    model, dataset = FirstPixel(), Pictures()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictions, _ = tasks.predict(model=model, dataset=dataset)
    theirs = [int(np.argmax(scores)) for batch in predictions for scores in batch]

    found = maite.audit(model, dataset, bounds=BOUNDS, threshold=0.9, passes=20)

    assert [finding.predicted_class for finding in found.findings] == theirs


@pytest.mark.parametrize(
    "as_array", [np.asarray, np.ndarray.tolist, torch.from_numpy, lambda row: torch.tensor(row, requires_grad=True)]
)
def test_scores_may_be_anything_that_is_an_array(as_array):
    found = maite.audit(FirstPixel(as_array), Pictures(2), bounds=BOUNDS, threshold=0.9, passes=20)

    assert [finding.predicted_class for finding in found.findings] == [0, 1]


def test_a_model_of_bytes_gets_float32_within_its_bounds():
    model = FirstPixel()
    dataset = Pictures(2, dtype=np.uint8)

    pictures = maite.Pictures(dataset)
    scores = maite.classifier(model, bounds=(0, 255))

    assert pictures[1].dtype == torch.float32
    assert float(pictures[1].max()) == 255.0
    assert scores.bounds == (0, 255)
    maite.audit(model, dataset, bounds=(0, 255), threshold=0.9, passes=20)
    assert {dtype for _, dtype in model.seen} == {np.dtype(np.float32)}


def test_controls_of_the_library_take_what_the_audit_gives():
    found = maite.audit(FirstPixel(), Pictures(3), bounds=BOUNDS, threshold=0.9, passes=60)

    others = list(
        class_targeted(
            found.classifier, found.pictures, found.findings, threshold=0.9, search=maite.MaskOptimization(60)
        )
    )

    assert others


def test_some_images_are_searched_by_their_indices():
    found = maite.audit(FirstPixel(), Pictures(), bounds=BOUNDS, threshold=0.9, passes=20, indices=[5, 2])

    assert [image.id for image in found.images] == ["picture-5", "picture-2"]


def test_a_target_that_names_no_class_is_no_label():
    assert label_of(np.array([0.5, 0.5])) is None
    assert label_of(np.array([])) is None
    assert label_of(np.array([0.1, 0.9])) == 1


class Unfit:
    """No component of MAITE: its metadata have no id, and it cannot be called."""

    def __init__(self):
        self.metadata = {"name": "x"}


def test_what_lacks_the_form_of_the_protocol_is_refused_with_what_it_lacks():
    with pytest.raises(InvalidArgument, match="Unfit lacks __call__ and metadata with an id"):
        maite.classifier(Unfit(), bounds=BOUNDS)
    with pytest.raises(InvalidArgument, match="Unfit lacks __getitem__ and __len__ and metadata with an id"):
        maite.audit(FirstPixel(), Unfit(), bounds=BOUNDS, threshold=0.9)


@pytest.mark.parametrize("scores", [[], [np.zeros((2, 2))], [np.zeros(2), np.zeros(3)]])
def test_scores_of_another_form_are_refused(scores):
    model = FirstPixel()
    wrapped = maite._Forward(type("Wrong", (FirstPixel,), {"__call__": lambda self, batch: scores})())

    with pytest.raises(InvalidArgument, match=r"expected scores .classes,. for each of 2 images"):
        wrapped(torch.zeros(2, 3, 8, 8))
    assert model.seen == []


def test_images_of_another_form_are_refused():
    dataset = type(
        "Flat", (Pictures,), {"__getitem__": lambda self, index: (np.zeros((8, 8)), np.zeros(2), {"id": 1})}
    )()

    with pytest.raises(InvalidArgument, match=r"expected an image .C, H, W., got an array of .8, 8."):
        maite.Pictures(dataset)[0]


@pytest.mark.parametrize(("shape", "taken"), [((8, 9, 3), False), ((3, 9, 3), True), ((13, 8, 9), True)])
def test_channels_that_come_last_are_refused_with_what_to_give(shape, taken):
    item = (np.zeros(shape), np.zeros(2), {"id": 1})
    pictures = maite.Pictures(type("Shaped", (Pictures,), {"__getitem__": lambda self, index: item})())

    if taken:
        assert pictures[0].shape == shape
    else:
        with pytest.raises(InvalidArgument, match=r"give image.transpose.2, 0, 1."):
            pictures[0]


@pytest.mark.parametrize(
    ("dtype", "expected"), [(np.uint8, np.uint8), (np.float32, np.float32), (np.float64, np.float32)]
)
def test_a_data_set_is_written_as_the_service_takes_it(tmp_path, dtype, expected):
    path = maite.write_npz(checked("Dataset", Pictures(4, dtype=dtype)), tmp_path / "pictures.npz")

    with np.load(path) as archive:
        assert (archive["images"].shape, archive["images"].dtype) == ((4, 8, 8, 3), expected)
    found = found_in(path)
    assert [image.label for image in found.images] == ["dark", "bright", "dark", "bright"]


def test_a_data_set_that_cannot_be_written_says_why(tmp_path):
    class Growing(Pictures):
        def __getitem__(self, index):
            return Pictures(side=8 + index)[index]

    class HalfLabelled(Pictures):
        def __getitem__(self, index):
            image, target, metadata = super().__getitem__(index)
            return image, target if index else np.ones(2), metadata

    with pytest.raises(InvalidArgument, match="images of one shape"):
        maite.write_npz(Growing(), tmp_path / "a.npz")
    with pytest.raises(InvalidArgument, match="a label for every image, or for none"):
        maite.write_npz(HalfLabelled(), tmp_path / "b.npz")


class Items(Pictures):
    """A data set whose items the test gives."""

    def __init__(self, *items, names=NAMES):
        super().__init__(len(items))
        self.items = items
        self.metadata = {"id": "items", "index2label": names}

    def __getitem__(self, index):
        return self.items[index]


IMAGE = np.full((3, 8, 8), 0.5, np.float32)
DARK = np.eye(2)[0]


@pytest.mark.parametrize("target", [1, np.int64(1), np.array([1]), "dark"])
def test_a_class_given_by_its_number_or_name_is_refused_and_never_taken_for_another_class(target, tmp_path):
    dataset = Items((IMAGE, target, {}))

    with pytest.raises(InvalidArgument, match=r"dataset.0.: expected a target with a score for each class.*numpy.eye"):
        maite.audit(FirstPixel(), dataset, bounds=BOUNDS, threshold=0.9, passes=20)
    with pytest.raises(InvalidArgument, match="expected a target with a score for each class"):
        maite.write_npz(dataset, tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ((IMAGE, DARK), r"expected .image, target, metadata., .*got .ndarray, ndarray."),
        ((IMAGE, DARK, None), r"expected .image, target, metadata., .*NoneType"),
        (IMAGE, r"expected .image, target, metadata., .*got ndarray"),
        ((IMAGE.astype(complex), DARK, {}), "complex128; give real numbers"),
        ((None, DARK, {}), r"got an array of .., object"),
        ((IMAGE * 255, DARK, {}), r"values from 0 to 1, as bounds say; got 127.5 to 127.5. Give bounds="),
        ((IMAGE, np.eye(3)[0], {}), "targets have 3 classes, but the model gives 2 scores"),
    ],
)
def test_an_item_that_is_no_item_of_maite_is_refused_in_the_words_of_maite(item, told):
    with pytest.raises(InvalidArgument, match=told):
        maite.audit(FirstPixel(), Items(item), bounds=BOUNDS, threshold=0.9, passes=20)


@pytest.mark.parametrize(
    ("dataset", "arguments", "told"),
    [
        (Pictures(0), {}, "dataset: expected at least one image, got none"),
        (Pictures(), {"indices": []}, "indices: expected at least one number"),
        (Pictures(), {"indices": [99]}, "indices: expected numbers from 0 to 5, got 99"),
        (Pictures(), {"indices": 3}, "indices: expected a list of numbers"),
        (Pictures(), {"bounds": 1}, "bounds: expected the lowest and the highest value of a picture"),
        (Pictures(), {"bounds": None}, "bounds: expected the lowest"),
        (Pictures(), {"fill": "marginal"}, "fill: expected one of mean, black, white, noise, blur; got marginal"),
        (Items((IMAGE, DARK, {}), names={0: "bright", 1: "dark"}), {}, "which is class 1 of the model"),
        (Items((IMAGE, DARK, {}), names=3), {}, "expected index2label in the metadata as names"),
    ],
)
def test_an_audit_that_cannot_be_made_says_what_was_expected(dataset, arguments, told):
    with pytest.raises(InvalidArgument, match=told):
        maite.audit(FirstPixel(), dataset, **{"bounds": BOUNDS, "threshold": 0.9, "passes": 20, **arguments})


@pytest.mark.parametrize("names", [["dark", "bright"], {"0": "dark", "1": "bright"}])
def test_names_of_classes_may_be_a_list_or_have_numbers_as_text(names, tmp_path):
    path = maite.write_npz(Items((IMAGE, DARK, {}), names=names), tmp_path / "pictures")

    assert path == tmp_path / "pictures.npz"
    assert [image.label for image in found_in(path).images] == ["dark"]


def test_a_model_that_fails_is_told_by_its_own_error():
    model = type("Failing", (FirstPixel,), {"__call__": lambda self, batch: 1 / 0})()
    silent = type("Silent", (FirstPixel,), {"__call__": lambda self, batch: {"logits": batch}})()

    with pytest.raises(InvalidArgument, match=r"failed on 3 float32 images .*ZeroDivisionError.*model.\[image"):
        maite.audit(model, Pictures(), bounds=BOUNDS, threshold=0.9, passes=20)
    with pytest.raises(InvalidArgument, match=r"for each of 3 images, got dict; give a list"):
        maite.audit(silent, Pictures(), bounds=BOUNDS, threshold=0.9, passes=20)


def test_an_audit_is_shown_in_a_line():
    found = maite.audit(FirstPixel(), Pictures(), bounds=BOUNDS, threshold=0.9, passes=20)

    assert len(repr(found)) < 200
