"""Labels that name no class of the model are refused before anything is uploaded, by the server's own rule."""

from dataclasses import replace

import pytest
from modicum.cli.known_labels import class_name, refuse_unknown_labels
from modicum.errors import DataRefused, InvalidArgument
from modicum.sources.images import Image
from modicum_server.domain.models import ModelCheck, OutputKind
from modicum_server.errors import LabelUnknown
from modicum_server.usecases.labels import require_labels

from tests.client.scripted_results import succeeded
from tests.client.test_whole_commands import MODEL, measured
from tests.store.store_scene import new_version

NAMES = ("tabby cat", "dog", "crane", "crane", "7", "7")


def images(*labels):
    return [Image(f"{place}.png", label, bytes) for place, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("labels", "names", "says"),
    [
        (("dog", "Tabby cat"), NAMES[:2], "1.png has the label 'Tabby cat', but the model has no such class"),
        (
            ("tabby_cat",),
            NAMES[:2],
            "expected one of its 2 class names such as 'tabby cat', or a class index of 0 to 1",
        ),
        (("DOG",), NAMES[:2], "such as 'dog'"),
        (("x", "y", "z", "z"), NAMES[:2], "2 more labels are unknown, too"),
        (("2",), NAMES[:2], "0.png has the label '2', but the model has no such class"),
        (("crane",), NAMES, "2 classes of the model have this name: use the class index as the label"),
        (("7",), NAMES, "2 classes of the model have this name"),
        (
            ("1", "0"),
            ("1", "2"),
            "1.png has the label '0', which is a class index, but 0.png has '1', which is the name",
        ),
    ],
)
def test_a_label_that_is_no_class_is_refused_with_what_is_near(labels, names, says):
    with pytest.raises(DataRefused) as caught:
        refuse_unknown_labels(images(*labels), names)

    assert says in str(caught.value)
    assert caught.value.reason == "LABEL_UNKNOWN"


def test_a_name_where_classes_have_none_is_refused_with_the_option():
    with pytest.raises(InvalidArgument, match="the model's classes have no names: give them with --class-labels FILE"):
        refuse_unknown_labels(images("dog"), ())


def test_an_index_is_bounded_by_the_number_of_classes_where_that_is_known():
    refuse_unknown_labels(images("99", ""), ())

    with pytest.raises(DataRefused, match="expected a class index of 0 to 9"):
        refuse_unknown_labels(images("10"), (), 10)


@pytest.mark.parametrize(
    "labels",
    [
        *([one] for one in ("dog", "Dog", "crane", "7", "0", "5", "6", "06", "\u00b2", "1" * 10, "x")),
        ["0", "1"],
        ["0", "dog"],
    ],
)
@pytest.mark.parametrize(
    "names", [(), NAMES[:2], NAMES, ("1", "2", "dog")], ids=["no names", "two", "names that occur twice", "numbers"]
)
@pytest.mark.parametrize("count", [None, 6])
def test_the_client_accepts_what_the_server_accepts(labels, names, count):
    check = count and ModelCheck(count, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=1.0)
    version = replace(new_version(), class_labels=names[:count] if names else (), check=check or None)

    def is_accepted(refuse, *arguments):
        try:
            refuse(*arguments)
        except (DataRefused, InvalidArgument, LabelUnknown):
            return False
        return True

    accepted = is_accepted(require_labels, labels, version)

    assert is_accepted(refuse_unknown_labels, images(*labels), version.class_labels, count) is accepted


def test_a_file_with_too_few_names_is_named_as_the_cause_with_both_counts():
    with pytest.raises(DataRefused) as caught:
        refuse_unknown_labels(images("cat", "dog"), ("cat",), names_from="--class-labels few.txt")

    assert str(caught.value) == (
        "1.png has the label 'dog', but the model has no such class; expected its only class name 'cat', or a "
        "class index of 0 to 0. --class-labels few.txt has 1 name, but the images have 2 labels: write into it the "
        "names of all classes, one per line in the order of the model's outputs"
    )


def test_a_file_with_enough_names_is_not_named_as_the_cause():
    with pytest.raises(DataRefused) as caught:
        refuse_unknown_labels(images("cat", "dgo"), ("cat", "dog"), names_from="--class-labels few.txt")

    assert "few.txt" not in str(caught.value)
    assert "such as 'dog'" in str(caught.value)


@pytest.mark.parametrize(
    ("label", "names", "says"),
    [
        (
            "n01",
            ("cat", "dog"),
            (
                "expected one of its 2 class names such as 'cat', or a class index of 0 to 1. Rename the folders or "
                "labels to class names, or say with --label-names FILE which class each label means; if the class "
                "names are wrong, give the right ones with --class-labels FILE"
            ),
        ),
        ("cat", ("0 cat", "1 dog"), ". --class-labels l.txt has numbers beside its names: write only the name of a"),
        ("cat", ("cat\t0", "dog\t1"), r"such as 'cat\x090', or a class index of 0 to 1. --class-labels l.txt has num"),
        ("2", (), "expected a class index of 0 to 1. Correct the label, or register the model with all its classes"),
    ],
)
def test_a_label_that_is_no_class_is_refused_with_what_to_do(label, names, says):
    with pytest.raises(DataRefused) as caught:
        refuse_unknown_labels(images(label), names, 2, names_from="--class-labels l.txt")

    assert says in str(caught.value)


def test_an_audit_names_the_file_with_too_few_names(shell, script, tmp_path):
    succeeded(script, measured())
    (tmp_path / "photos" / "dog").mkdir()
    (tmp_path / "photos" / "dog" / "b.jpg").write_bytes(b"b")
    (tmp_path / "few.txt").write_text("cat\n")

    ended = shell(f"modicum audit photos {MODEL.replace('labels.txt', 'few.txt')}")

    assert ended.returncode == 5
    assert "--class-labels few.txt has 1 name, but the images have 2 labels" in " ".join(ended.stderr.split())


def test_the_name_of_a_split_as_a_label_is_explained():
    with pytest.raises(DataRefused, match="names of folders were taken as labels; give one split"):
        refuse_unknown_labels(images("train"), ("cat", "dog"))


@pytest.mark.parametrize(
    ("label", "names", "name"),
    [
        ("1", ("cat", "dog"), "dog"),
        ("2", ("cat", "dog"), "2"),
        ("1", ("2", "1", "0"), "1"),
        ("dog", ("cat", "dog"), "dog"),
        ("²", ("cat", "dog", "cow"), "²"),
        ("", ("cat", "dog"), ""),
        ("1", (), "1"),
    ],
)
def test_an_index_stands_for_the_name_of_its_class_unless_a_class_has_that_name(label, names, name):
    assert class_name(label, names) == name
