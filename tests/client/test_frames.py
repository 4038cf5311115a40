"""Tables of pandas: their columns, what is in them, and what is said where pandas is missing."""

import re
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from modicum.findings import finding_of
from modicum.frames import FINDINGS, MEASURES, RULES
from modicum.results import Result
from modicum.verdicts import Verdict

from tests.client.test_notebooks import told, verdict
from tests.client.test_results import DOCUMENT, ROW, share


def test_each_finding_is_a_row_with_the_names_of_its_classes():
    first, second = told().to_pandas().to_dict("records")

    assert (first["item"], first["target_class"], first["target_class_name"]) == ("cat/a.jpg", 1, "owl")
    assert (first["subset_size"], first["subset_fraction"], first["verified_confidence"]) == (3, 0.5, 0.91)
    assert (first["passes_forward"], first["passes_backward"]) == (10, 5)
    assert (first["class_targeted_found"], first["class_targeted_size"]) == (True, 4)
    assert (second["reason"], second["eligible"], second["label_name"]) == ("IMAGE_UNREADABLE", False, "")
    for column in ("label", "confidence", "margin", "subset_size", "verified_confidence", "class_targeted_found"):
        assert pd.isna(second[column]), column


def test_numbers_keep_their_types_where_some_are_missing():
    frame = told().to_pandas()

    assert {name: str(kind) for name, kind in frame.dtypes.items()} == dict(FINDINGS)
    assert frame[frame.target_class == 1].item.tolist() == ["cat/a.jpg"]
    assert frame.subset_fraction.mean() == 0.5


def test_a_class_that_the_search_did_not_find_has_no_size():
    controls = finding_of(ROW).controls
    missed = replace(controls, class_targeted=replace(controls.class_targeted, found=False, size=0))

    (row,) = replace(told(), findings=(replace(finding_of(ROW), controls=missed),)).to_pandas().to_dict("records")

    assert row["class_targeted_found"] is False
    assert pd.isna(row["class_targeted_size"])


def test_each_measure_is_a_row_and_each_class_of_it_another():
    (model,) = DOCUMENT["models"]
    (search,) = model["searches"]
    grouped = {**share(0.62, 0.55, 0.69), "groups": {"1": share(0.5, n=9)}}
    measures = {"overinterpretation_rate": grouped, "accuracy": search["measures"]["accuracy"]}

    frame = told(searches=[{**search, "measures": measures}]).measures_to_pandas()

    rows = frame.to_dict("records")
    assert [(row["measure"], row["class_name"]) for row in rows] == [
        ("overinterpretation_rate", ""),
        ("overinterpretation_rate", "owl"),
        ("accuracy", ""),
    ]
    whole, of_class, missing = rows
    assert (whole["value"], whole["unit"], whole["n"], whole["threshold"]) == (0.62, "share", 58, 0.9)
    assert (whole["interval_low"], whole["interval_high"], whole["interval_level"]) == (0.55, 0.69, 0.95)
    assert pd.isna(whole["class"])
    assert (of_class["class"], of_class["value"], of_class["n"]) == (1, 0.5, 9)
    assert pd.isna(of_class["interval_level"])
    assert pd.isna(missing["value"])
    assert missing["unavailable"] == "no labels"


def test_each_rule_is_a_row_with_its_worst_check():
    (row,) = verdict().to_pandas().to_dict("records")

    assert (row["rule"], row["level"], row["outcome"]) == ("overinterpretation", "error", "FAIL")
    assert (row["subject"], row["value"], row["unit"], row["n"]) == ("class 7", 0.34, "share", 60)
    assert (row["interval_low"], row["interval_high"], row["interval_level"]) == (0.28, 0.41, 0.95)
    assert pd.isna(row["max"])
    assert type(row["outcome"]) is type(row["level"]) is str


def test_a_limit_stands_under_its_key_in_the_policy():
    (rule,) = verdict().rules

    judged = replace(verdict(), rules=(replace(rule, limits={"max": 0.1}),))
    (row,) = judged.to_pandas().to_dict("records")

    assert row["max"] == 0.1


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        (replace(told(), findings=()).to_pandas(), FINDINGS),
        (told(searches=[]).measures_to_pandas(), MEASURES),
        (replace(verdict(), rules=()).to_pandas(), RULES),
    ],
    ids=["findings", "measures", "rules"],
)
def test_a_table_without_rows_has_its_columns(frame, columns):
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == dict(columns)
    assert len(frame) == 0


@pytest.mark.parametrize(
    ("method", "columns"),
    [(Result.to_pandas, FINDINGS), (Result.measures_to_pandas, MEASURES), (Verdict.to_pandas, RULES)],
    ids=["findings", "measures", "rules"],
)
def test_the_docstring_names_every_column_in_its_order(method, columns):
    listed = re.findall(r"^ +\* (.*?)(?=^ +\* |^$)", method.__doc__, re.MULTILINE | re.DOTALL)
    words = [word for entry in listed for word in re.findall(r"\w+", entry)]

    assert [name for name in columns if name not in words] == []
    first = [next(name for name in re.findall(r"\w+", entry)) for entry in listed]
    assert first == sorted(first, key=list(columns).index)


@pytest.mark.long
def test_without_pandas_the_error_says_what_to_install():
    code = (
        "import sys\n"
        "sys.modules['pandas'] = None\n"
        "from modicum import InvalidArgument, Result\n"
        "try:\n"
        "    Result({}, (), ()).to_pandas()\n"
        "except InvalidArgument as error:\n"
        "    print(error.reason, error)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "PANDAS_NOT_INSTALLED" in done.stdout
    assert "to_pandas() needs pandas: run pip install pandas" in done.stdout


def test_the_client_alone_does_not_load_pandas():
    code = "import sys, modicum; modicum.Client; print({'pandas', 'matplotlib'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
