"""Tables of measures, in the words and the order of the result document."""

import gzip
import io
import json

import pytest
from modicum.cli.comparisons import compared, search_text
from modicum.cli.measure_tables import classes_table, measures_table
from modicum.cli.result_tables import mitigation_lines, show_result
from modicum.cli.tables import print_grid
from modicum.results import document_of, result_of
from rich.console import Console

ONE, ROBUST = (f"projects/default/models/{name}/versions/1" for name in ("one", "robust"))
COUNTS = {"images": 40, "eligible": 30, "with_subset": 28, "baseline_confident": 1, "failed": 0}
ALPHA = {"alpha": 0.05}
SEARCH = {"method": "mask_optimization", "threshold": 0.9, "fill": "mean"}


def entry(value, low=None, high=None, **changes):
    ends = {"low": low, "high": high, "method": "wilson", "level": 0.9, "n": 40}
    plain = {"value": value, "unit": "share", "n": 40, "interval": None if low is None else ends, "parameters": {}}
    return plain | changes


def said(title, order, place="detail"):
    return {"title": title, "order": order, "place": place}


MEASURES = {
    "accuracy": entry(None, n=0, unavailable="no image with a label was scored", **said("Accuracy", 3, "headline")),
    "border_share_median": entry(0.5, 0.4, 0.6, **said("Border share, median", 5)) | {"parameters": {"chance": 0.4375}},
    "dilated_sufficient_share": entry(None, n=0, unavailable="not run", **said("Dilated", 6)),
    "eligible_share": entry(0.75, 0.6, 0.86, **said("Eligible images", 2, "headline")),
    "overinterpretation_rate": entry(0.62, 0.55, 0.69, **said("Overinterpretation rate", 0, "headline"))
    | {
        "parameters": ALPHA,
        "groups": {"0": entry(0.5, 0.3, 0.7, n=12), "1": entry(1.0, n=3), "2": entry(0.25, 0.1, 0.4, n=25)},
    },
    "overinterpretation_rate_class_targeted": entry(0.5, 0.4, 0.6, **said("For a random other class", 1, "headline")),
    "size_ratio": entry(1.25, 1.0, None, unit="ratio", **said("Size ratio, median", 7)),
    "subset_size_median": entry(28.5, 20, 1204, unit="pixels", **said("Subset size, median", 4)),
}


def model(name=ONE, measures=MEASURES, **changes):
    search = {
        "search": SEARCH,
        "measures": measures,
        "readings": [],
        "counts": COUNTS,
    }
    return {"model_version": name, "digest": "e" * 64, "searches": [search], **changes}


def result_with(*models, **parts):
    document = {"schema_version": 1, "models": list(models), **parts}
    return result_of(document_of(json.dumps(document, sort_keys=True).encode()), gzip.compress(b""))


def printed(table, width=200) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_grid(console, table)
    return console.file.getvalue()


def rows_of(text):
    lines = (line for line in text.splitlines() if line.startswith("│"))
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


@pytest.fixture
def search():
    return result_with(model()).models[0].searches[0]


def test_the_table_has_every_measure_with_a_value_in_the_order_of_the_document(search):
    rows = rows_of(printed(measures_table(search)))

    assert rows == [
        ["Overinterpretation rate", "62%", "55% to 69%", "40"],
        ["For a random other class", "50%", "40% to 60%", "40"],
        ["Eligible images", "75%", "60% to 86%", "40"],
        ["Accuracy", "unavailable", "no image with a label was scored", "0"],
        ["Subset size, median", "28.50 pixels", "20 to 1,204", "40"],
        ["Border share, median (chance level 44%)", "50%", "40% to 60%", "40"],
        ["Size ratio, median", "1.25 times", "1.00 to open", "40"],
    ]


def test_a_difference_of_shares_is_in_percentage_points():
    lost = entry(-0.035, -0.12, 0.006, unit="difference", **said("Accuracy lost", 0))

    (row,) = rows_of(printed(measures_table(result_with(model(measures={"lost": lost})).models[0].searches[0])))

    assert row == ["Accuracy lost", "-3.5 points", "-12 to 0.60", "40"]


def test_the_level_comes_from_the_document_and_measures_without_a_value_are_counted(search):
    text = printed(measures_table(search))

    assert "90% interval" in text
    assert "1 more measures have no value" in text


def test_a_measure_of_an_older_document_is_shown_by_its_name():
    before = {
        name: {key: value for key, value in one.items() if key not in {"title", "order", "place"}}
        for name, one in MEASURES.items()
    }

    rows = rows_of(printed(measures_table(result_with(model(measures=before)).models[0].searches[0])))

    assert [row[0] for row in rows] == [
        "Border share median (chance level 44%)",
        "Eligible share",
        "Overinterpretation rate",
        "Overinterpretation rate class targeted",
        "Size ratio",
        "Subset size median",
    ]


def test_classes_are_rows_and_those_with_the_most_images_come_first(search):
    rows = rows_of(printed(classes_table(search, ("cat", "dog", "owl").__getitem__)))

    assert rows == [["owl", "25", "25% (10% to 40%)"], ["cat", "12", "50% (30% to 70%)"], ["dog", "3", "100%"]]


def test_at_most_20_classes_are_shown_and_the_rest_is_counted():
    groups = {str(index): entry(0.5, n=1) for index in range(25)}
    rate = MEASURES["overinterpretation_rate"] | {"groups": groups, "parameters": ALPHA | {"classes_left_out": 7}}
    search = result_with(model(measures={"overinterpretation_rate": rate})).models[0].searches[0]

    text = printed(classes_table(search, str))

    assert len(rows_of(text)) == 20
    assert "and 12 more classes" in text


def test_fewer_than_two_classes_have_no_table():
    one = MEASURES["overinterpretation_rate"] | {"groups": {"0": entry(0.5)}}

    assert classes_table(result_with(model(measures={"rate": one})).models[0].searches[0], str) is None


def test_a_class_name_that_looks_like_markup_is_printed_as_it_is(search):
    assert "[red]" in printed(classes_table(search, lambda _: "[red]"))


PAIR = {
    "first": ONE,
    "second": ROBUST,
    "search_index": 0,
    "measures": {
        "accuracy_difference": entry(None, **said("Difference in accuracy", 1)),
        "subset_fraction_ratio": entry(1.5, 1.2, 1.9, **said("Ratio of subset fractions", 0)),
    },
}


def test_a_version_is_always_shown_with_its_stamp():
    result = result_with(
        model(), model(ROBUST, stamp="inference only"), comparisons=[PAIR], specification={"searches": [SEARCH]}
    )
    console = Console(file=io.StringIO(), width=200)

    show_result(console, result, {})

    text = console.file.getvalue()
    assert result.models[1].stamp == "inference only"
    assert "robust/1 (inference only): threshold 0.9" in text
    said = "one/1 against robust/1 (inference only) on the same images: ratio of subset fractions 1.50"
    assert f"{said} (90% interval 1.20 to 1.90)\n" in text


def test_the_note_of_a_pair_is_shown_after_it():
    note = "the mean fill is not the same: 0.5 with one, version 1; 0.25 with robust, version 1"

    result = result_with(model(), comparisons=[PAIR | {"note": note}], specification={"searches": [SEARCH]})

    (pair,) = result.comparisons
    assert pair.note == note
    assert compared(pair, result).endswith(f" 1.20 to 1.90) ({note})")


@pytest.mark.parametrize(("count", "how"), [(1, ""), (2, " (threshold 0.9, mask_optimization, mean fill)")])
def test_a_pair_shows_its_search_if_there_are_several(count, how):
    result = result_with(model(), model(ROBUST), comparisons=[PAIR], specification={"searches": [SEARCH] * count})

    assert compared(result.comparisons[0], result).startswith(f"one/1 against robust/1 on the same images{how}: ratio")


def test_a_search_at_matched_temperatures_is_marked():
    assert search_text(SEARCH | {"matched": True}).endswith("mean fill, at a matched temperature")
    assert search_text(SEARCH | {"target_rule": "random_other"}).endswith("mean fill, for a random other class")


def test_an_ensemble_shows_the_stamp_of_its_member():
    check = {
        "ensemble": ONE,
        "members": [ROBUST],
        "search_index": 0,
        "verdict": "INCONCLUSIVE",
        "stamp": "",
        "reasons": [],
        "measures": {},
        "limits": {"ratio": 1.1, "accuracy_difference": -0.02, "images": 30},
        "temperatures": {ROBUST: 1.25},
    }
    result = result_with(model(), model(ROBUST, stamp="inference only"), mitigation=[check])

    lines = list(mitigation_lines(result.mitigation[0], result.called))

    assert lines[0] == "INCONCLUSIVE: one/1 against its members robust/1 (inference only)"
    assert lines[2] == "  matched temperatures: robust/1 (inference only) 1.25"


def test_programs_can_read_measures_by_class(search):
    groups = search.measures["overinterpretation_rate"].groups

    assert {index: (group.value, group.n) for index, group in groups.items()} == {
        "0": (0.5, 12),
        "1": (1.0, 3),
        "2": (0.25, 25),
    }
