"""Filters of lists take the names that the command prints."""

import pytest
from modicum.errors import InvalidArgument
from modicum.resource_names import full_filter


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("", ""),
        ("outcome = FAIL", "outcome = FAIL"),
        ("model_version = resnet18/3", "model_version = projects/p/models/resnet18/versions/3"),
        ("model_version=models/net/versions/3", "model_version=projects/p/models/net/versions/3"),
        ("model_version = projects/q/models/net/versions/3", "model_version = projects/q/models/net/versions/3"),
        ('audit = "first" AND outcome = PASS', 'audit = "projects/p/audits/first" AND outcome = PASS'),
        ("state = RUNNING AND dataset = holdout", "state = RUNNING AND dataset = projects/p/datasets/holdout"),
        ("policy_digest = abc", "policy_digest = abc"),
        ("the server says what is wrong", "the server says what is wrong"),
    ],
)
def test_short_names_become_full_ones(text, sent):
    assert full_filter("projects/p", text) == sent


def test_a_model_where_a_version_is_expected_is_refused():
    with pytest.raises(
        InvalidArgument, match="expected model_version = MODEL/VERSION, such as resnet18/3; got resnet18"
    ):
        full_filter("projects/p", "outcome = FAIL AND model_version = resnet18")
