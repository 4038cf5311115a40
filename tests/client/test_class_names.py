"""Files of class names: what stands before a name is never taken for a part of it."""

import pytest
from modicum.errors import InvalidSource
from modicum.sources.labels import class_names


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0,cat\n1,dog\n", "an index before each, such as 1,dog"),
        ("1\tcat\n2\tdog\n", "an index before each, such as 2"),
        ("0: cat\n1: dog\n", "an index before each, such as 1: dog"),
        ("0 cat\n1 dog\n", "an index before each, such as 1 dog"),
        ("index,name\n0,cat\n1,dog\n", "an index before each, such as 1,dog"),
        ("n01440764 tench\nn01443537 goldfish\n", "a WordNet id before each, such as n01440764 tench"),
        ("n01440764\ttench\nn01443537\tgoldfish\n", "a WordNet id before each, such as n01440764"),
    ],
)
def test_class_names_behind_an_index_or_an_id_are_refused_with_the_cure(tmp_path, text, what):
    path = tmp_path / "labels.txt"
    path.write_text(text)

    with pytest.raises(InvalidSource) as refused:
        class_names(path)

    assert f"expected only a class name on each line, got {what}" in str(refused.value)
    assert "Leave only the names, in the order of the model's outputs" in str(refused.value)


@pytest.mark.parametrize(
    "names",
    [
        ("1 euro", "2 euro"),
        ("0", "1"),
        ("n01440764", "n01443537"),
        ("3,cat", "7,dog"),
        ("0,cat", "dog"),
        ("tench, Tinca tinca", "n01443537 goldfish"),
    ],
)
def test_names_that_begin_like_an_index_or_an_id_are_taken_as_they_are(tmp_path, names):
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(names))

    assert class_names(path) == names


def test_a_json_list_of_names_is_taken_as_it_is(tmp_path):
    (tmp_path / "labels.json").write_text('["0 cat", "1 dog"]')

    assert class_names(tmp_path / "labels.json") == ("0 cat", "1 dog")
