"""The self-test itself: where the truth was planted, the audit finds it; and where it does not, the command says so."""

import subprocess
import sys

import numpy as np
import pytest
from modicum_server.cli import app
from modicum_server.selftest import command, running
from modicum_server.selftest.cases import CASES, CORNER, MIDDLE, UNMARKED, Case
from modicum_server.selftest.digits import CLASSES, SIDE, Digits, load_digits, split
from typer.testing import CliRunner

NOTHING = np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load_digits()


def few(digits: Digits, count: int = 200) -> Digits:
    return digits.at(np.arange(0, len(digits.labels), len(digits.labels) // count))


@pytest.mark.long  # trains four models
@pytest.mark.timeout(1800)
def test_every_verdict_is_right_and_printed(capsys):
    assert command.run(0, say=print) == command.RIGHT

    printed = capsys.readouterr().out
    assert "4 of 4 verdicts are right" in printed
    for case in CASES:
        (line,) = [line for line in printed.splitlines() if line.startswith(f"{case.name}  ")]
        assert case.expected in line


@pytest.mark.long
def test_a_verdict_that_is_not_the_right_one_is_told_by_the_exit_code(capsys, monkeypatch):
    misjudged = Case("no mark", "SHORTCUT", UNMARKED.make, train_images=500, epochs=1)
    monkeypatch.setattr(
        command, "outcomes", lambda digits, seed: running.outcomes(digits, seed=seed, cases=[misjudged])
    )

    assert command.run(0, say=print) == command.WRONG
    assert ", wrong" in capsys.readouterr().out


@pytest.mark.parametrize("seed", ["-1", str(2**63), "9" * 40, "x"])
def test_a_seed_that_no_audit_takes_is_a_usage_error(seed):
    result = CliRunner().invoke(app, ["selftest", "--seed", seed])

    assert result.exit_code == command.USAGE
    assert "--seed" in result.output


@pytest.mark.long
def test_without_mlxtend_the_command_says_what_to_install():
    program = (
        "import sys; sys.modules['mlxtend'] = sys.modules['mlxtend.data'] = None; sys.argv = ['m', 'selftest'];"
        "from modicum_server.cli import main; main()"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert "pip install 'modicum-server[selftest]'" in ended.stdout + ended.stderr


def test_train_and_test_images_are_different_and_of_all_classes(digits):
    train, test = split(digits, test_images=300, seed=1)

    assert np.bincount(test.labels, minlength=CLASSES).tolist() == [30] * CLASSES
    assert len(train.labels) + 300 == len(digits.labels)
    known = {image.tobytes() for image in train.images}
    assert sum(image.tobytes() in known for image in test.images) == 0


def test_a_mark_in_the_corner_tells_the_class_and_lies_on_black_ground(digits):
    some = few(digits)

    marks = CORNER.make(some, NOTHING).images.astype(int) - some.images

    places = [tuple(np.flatnonzero(mark)) for mark in marks.reshape(len(marks), -1)]
    assert {len(place) for place in places} == {4}
    assert (
        len(set(places)) == CLASSES == len({(place, label) for place, label in zip(places, some.labels, strict=True)})
    )


def test_a_mark_in_the_middle_lies_in_no_box_and_a_digit_in_its_own(digits):
    made = MIDDLE.make(few(digits), np.random.default_rng(0))

    assert made.boxes is not None
    for image, (left, top, right, bottom) in zip(made.images, made.boxes, strict=True):
        inside = image[top:bottom, left:right].any()
        outside = image.copy()
        outside[top:bottom, left:right] = 0
        assert inside
        assert np.count_nonzero(outside) == 4
        assert outside[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4].any()
