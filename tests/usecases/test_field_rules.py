import pytest
from modicum_server.errors import FieldInvalid
from modicum_server.usecases.resource_names import FORMS, PATTERNS, parent_of, project_of
from modicum_server.usecases.rules import RULES, check

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    "item",
    ["", "/etc/passwd", "../up.png", "a/../../b", "a//b", "a/./b", "a\x00b", "C:\\windows", "a\\..\\b", "\\\\host\\x",
     "x" * 1025, "a\nb", "\ud800"],
)  # fmt: skip
def test_an_item_id_that_could_leave_its_folder_or_hurt_a_reader_is_refused(item):
    with pytest.raises(FieldInvalid) as caught:
        check("item", item)

    assert caught.value.field == "item"


@pytest.mark.parametrize(
    "item", ["a.png", "cats/a b.png", "hund/größe.png", "3\u202f05.png", "ab:c.png", "..a/b..", "x" * 1024]
)
def test_an_ordinary_item_id_is_accepted(item):
    check("item", item)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("project_id", ["a", "a-1", "a" * 63], ["", "1a", "A", "a_b", "a" * 64, "a\n"]),
        ("resource_id", ["a", "1", "a.b_c-d"], ["", ".a", "-a", "A", "a/b", "ä"]),
        ("request_id", ["", "123e4567-e89b-12d3-a456-426614174000"], ["x", "123e4567e89b12d3a456426614174000"]),
        ("digest", [DIGEST], ["", DIGEST.upper(), DIGEST[:-1], DIGEST + "\n"]),
        ("threshold", [0.5, 0.999], [0, 1, -1, float("nan"), float("inf")]),
        ("fraction", [0, 0.5], [-0.1, 1, float("nan")]),
        ("level", [0.5, 0.95, 0.999], [0, 0.49, 1, 95, float("nan"), float("inf")]),
        ("alpha", [5e-324, 0.05, 0.999], [0, 1, -0.1, float("nan"), float("inf")]),
        ("ratio_limit", [1, 1.1, 100], [0, 0.99, 101, -1.1, float("nan"), float("inf")]),
        ("accuracy_limit", [-1, -0.02, 0, -0.0], [0.02, -1.1, float("nan"), float("-inf")]),
        ("finite", [-1.0, 0.0], [float("nan"), float("inf")]),
        ("positive", [0.1], [0.0, -1.0, float("nan"), float("inf")]),
        ("device", ["", "auto", "cpu", "cuda"], ["gpu", "cuda:1"]),
        ("seed", [0, 2**63 - 1], [-1]),
        ("side", [1, 4096], [0, -1, 4097]),
    ],
)
def test_a_rule_accepts_and_refuses(rule, good, bad):
    for value in good:
        check("field", value, rule)
    for value in bad:
        with pytest.raises(FieldInvalid):
            check("field", value, rule)


def test_a_refusal_names_field_rule_and_value():
    with pytest.raises(
        FieldInvalid, match=r"^audit\.specification\.searches\[1\]\.threshold: expected above 0 and below 1, got 1\.5$"
    ):
        check("audit.specification.searches[1].threshold", 1.5)


def test_a_refusal_shows_no_more_than_the_beginning_of_a_long_value():
    with pytest.raises(FieldInvalid) as caught:
        check("item", "/" + "x" * 100_000)

    assert len(str(caught.value)) < 400


def test_every_rule_says_what_it_expects():
    assert all(rule.text for rule in RULES.values())


def test_a_name_of_another_kind_is_refused_with_the_form_expected():
    assert PATTERNS.keys() == FORMS.keys()
    assert project_of("audit", "projects/p/audits/a") == "projects/p"
    for name in [
        "projects/p/models/a",
        "projects/p/audits/a/findings/0-0-1",
        "projects/P/audits/a",
        "",
        "projects/p/audits/",
    ]:
        with pytest.raises(FieldInvalid, match="projects/PROJECT/audits/AUDIT"):
            project_of("audit", name)


def test_the_parent_of_a_finding_is_its_audit():
    assert parent_of("projects/p/audits/a/findings/0-0-1") == "projects/p/audits/a"
