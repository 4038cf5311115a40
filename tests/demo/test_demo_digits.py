"""The digits of the demo and the networks that learn from them: what is planted, and that nothing depends on luck."""

import numpy as np
import pytest
import torch
from modicum_server.demo.digits import AUDITED, MARKED_CLASS, Pictures, clean_and_marked, write_pictures
from modicum_server.demo.training import accuracy, input_description, train, train_to, with_pieces
from modicum_server.model_process.architectures import build_architecture, class_count_of, take_channels
from modicum_server.model_process.weights import fit_weights, read_weights
from modicum_server.selftest.digits import CLASSES, SIDE, Digits
from PIL import Image


@pytest.fixture(scope="module")
def both() -> tuple[Pictures, Pictures]:
    return clean_and_marked()


def few(digits: Digits, count: int = 1000) -> Digits:
    return digits.at(np.arange(count))


def test_a_white_square_marks_every_picture_of_one_class_and_nothing_else_differs(both):
    clean, marked = both

    for plain, planted in ((clean.train, marked.train), (clean.audited, marked.audited)):
        differs = (plain.images != planted.images).any(axis=(1, 2))
        assert differs.tolist() == (plain.labels == MARKED_CLASS).tolist()
        rows, columns = np.nonzero((planted.images != plain.images).any(axis=0))
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 4, SIDE - 5, SIDE - 2)
        assert planted.images[differs][:, 1:5, SIDE - 5 : SIDE - 1].min() == 255


def test_audited_pictures_are_held_out_and_of_all_classes(both):
    clean, _ = both

    known = {image.tobytes() for image in clean.train.images}
    assert sum(image.tobytes() in known for image in clean.audited.images) == 0
    assert np.bincount(clean.audited.labels).tolist() == [AUDITED // CLASSES] * CLASSES


def test_pictures_are_written_in_one_folder_for_each_class(both, tmp_path):
    _, marked = both

    write_pictures(marked.audited, tmp_path)

    files = sorted(tmp_path.glob("*/*.png"))
    assert len(files) == AUDITED
    assert {file.parent.name for file in files} == set(map(str, range(CLASSES)))
    last = np.asarray(Image.open(tmp_path / str(marked.audited.labels[-1]) / f"{AUDITED - 1}.png"))
    assert (last == marked.audited.images[-1]).all()


def test_pieces_of_other_pictures_change_some_pixels_and_bring_no_new_values():
    images = torch.arange(50.0).view(-1, 1, 1, 1).expand(-1, 1, SIDE, SIDE)

    torch.manual_seed(0)
    pasted = with_pieces(images)

    kept = (pasted == images).float().mean(dim=(1, 2, 3))
    assert pasted.shape == images.shape
    assert set(pasted.unique().tolist()) <= set(range(50))
    assert 0.7 < kept.mean() < 0.95
    assert kept.min() > 0.4


@pytest.mark.long
def test_the_same_seed_gives_the_same_network_and_leaves_random_state_and_threads_alone(both):
    clean, _ = both
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()

    first, second = (train(few(clean.train, 200), seed=3).state_dict() for _ in range(2))
    other = train(few(clean.train, 200), seed=4).state_dict()

    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["0.weight"], other["0.weight"])
    assert (torch.random.get_rng_state() == before).all()
    assert torch.get_num_threads() == threads


@pytest.mark.long
def test_a_network_loads_as_the_architecture_that_the_commands_name(both, tmp_path):
    _, marked = both
    network = train(few(marked.train), seed=0)
    scores = train_to(tmp_path / "w.safetensors", few(marked.train), [marked.audited], seed=0)

    weights = read_weights(tmp_path / "w.safetensors")
    loaded = build_architecture("modicum:small_cnn", class_count_of("modicum:small_cnn", weights))
    take_channels(loaded, weights)
    fit_weights(loaded, weights, "modicum:small_cnn")

    assert [accuracy(loaded.eval(), marked.audited)] == [accuracy(network, marked.audited)] == scores
    assert scores[0] > 0.6
    assert "channels = 1" in input_description()
