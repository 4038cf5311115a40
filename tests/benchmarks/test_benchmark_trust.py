"""The trust part: how often a verdict was right, counted and shown."""

from benchmarks import page, trust, trust_tables


def runs(case: str, expected: str, verdicts: list[str]) -> list[dict]:
    figures = {"accuracy": 0.9, "region_share": 1.0, "region_chance": 0.27, "drop": 0.2, "eligible": 250}
    return [
        {"seed": seed, "case": case, "expected": expected, "verdict": verdict, **figures}
        for seed, verdict in enumerate(verdicts)
    ]


def part(verdicts: list[str]) -> dict:
    found = runs("no mark", "NONE_SEEN", verdicts)
    return {
        "taken": {"quick": False},
        "seeds": len(verdicts),
        "test_images": 300,
        "passes": 150,
        "cases": {"no mark": trust.summary(found)},
        "runs": found,
    }


def test_right_verdicts_are_counted_with_wilsons_interval():
    case = trust.summary(runs("no mark", "NONE_SEEN", ["NONE_SEEN"] * 18 + ["INCONCLUSIVE", "SHORTCUT"]))

    assert (case["right"], case["n"]) == (18, 20)
    assert case["verdicts"] == {"NONE_SEEN": 18, "INCONCLUSIVE": 1, "SHORTCUT": 1}
    assert case["interval"]["method"] == "wilson"
    assert round(case["interval"]["low"], 3) == 0.699


def test_below_ten_seeds_there_is_no_interval():
    assert trust.summary(runs("no mark", "NONE_SEEN", ["NONE_SEEN"] * 3))["interval"] is None


def test_the_page_shows_every_case():
    text = "\n".join(trust_tables.trust(part(["NONE_SEEN"] * 19 + ["INCONCLUSIVE"])))

    assert "| no mark | NONE_SEEN | 1 INCONCLUSIVE and 19 NONE_SEEN | 19 of 20 | 76% to 99% |" in text
    assert "| no mark | 90% (90% to 90%) | 250 (250 to 250) | 100% (100% to 100%) | 27% | 20% (20% to 20%) |" in text


def test_the_page_says_that_the_cases_are_easy_ones():
    text = "\n".join(trust_tables.trust(part(["NONE_SEEN"] * 20)))

    assert "Both are easy cases. The digits are drawn in faint ink, 30% of full" in text


def test_a_part_that_was_not_measured_is_named():
    assert "Not measured yet: `make bench PART=trust`." in page.page_text({"parts": {}}, {"parts": {}})
