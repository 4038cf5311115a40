"""Labels of data sets and classes of versions: names, or indices in digits, and numbers in one way only."""

from dataclasses import replace

import pytest
from modicum_server.errors import LabelUnknown
from modicum_server.usecases.labels import require_labels

from tests.usecases.test_specifications import version
from tests.usecases.usecases_stage import CHECK


@pytest.mark.parametrize(
    ("label", "classes"),
    [("cat", ("cat", "dog")), ("1", ("cat", "dog")), ("1", ()), ("7", ("7", "8"))],
)
def test_a_label_is_a_class_name_or_an_index(label, classes):
    require_labels({label}, version(labels=classes))


@pytest.mark.parametrize(
    ("label", "classes", "check"),
    [
        pytest.param("bird", ("cat", "dog"), CHECK, id="no class"),
        pytest.param("2", ("cat", "dog"), CHECK, id="past the classes"),
        pytest.param("2", ("cat", "dog"), None, id="past the names of a version that nobody checked"),
        pytest.param("-1", (), CHECK, id="negative"),
        pytest.param("\u0661", (), CHECK, id="digits of another script"),
        pytest.param("9" * 30, (), None, id="no index at all"),
        pytest.param("crane", ("crane", "crane"), CHECK, id="two classes of one name"),
    ],
)
def test_a_label_that_matches_no_class_or_several_is_refused(label, classes, check):
    with pytest.raises(LabelUnknown):
        require_labels({"", label} - {""}, version(labels=classes, check=check))


@pytest.mark.parametrize("labels", [{"0", "1"}, {"0", "1", "cat"}])
def test_numbers_of_which_some_are_names_and_others_indices_are_refused(labels):
    classes = ("1", "2", "cat")

    with pytest.raises(
        LabelUnknown, match=r"'0' does not fit .* class index, but the label '1' is the name of a class"
    ):
        require_labels(labels, version(labels=classes, check=replace(CHECK, class_count=3)))


def test_numbers_that_are_all_names_or_all_indices_are_served_beside_names():
    classes = ("1", "2", "cat")

    require_labels({"1", "2", "cat"}, version(labels=classes, check=replace(CHECK, class_count=3)))
    require_labels({"0", "cat"}, version(labels=classes, check=replace(CHECK, class_count=3)))


def test_without_a_check_and_names_any_index_may_be_a_class():
    require_labels({"999"}, version(check=None))
