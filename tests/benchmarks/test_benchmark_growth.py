"""The benchmark of large audits: its table names every step, and a step that grows misses the budget."""

from benchmarks import growth_tables


def part(**changes: float) -> dict:
    times = dict.fromkeys(growth_tables.STEPS, 2.0)
    runs = [{"items": 100, "milliseconds": times}, {"items": 1_000, "milliseconds": {**times, **changes}}]
    return {"repeats": 1, "shard_images": 100, "page": 100, "runs": runs}


def test_the_budget_is_about_the_step_that_grows_most():
    ((what, _, measured, verdict),) = growth_tables.budgets(part(plan=2.5, end=3.2))

    assert what.endswith("1,000 over 100 items")
    assert (measured, verdict) == ("1.60 (end it)", "not met")
    assert [row[-1] for row in growth_tables.budgets(part(end=3.0))] == ["met"]


def test_every_step_has_a_row():
    rows = [line for line in growth_tables.growth(part(plan=3.0)) if line.startswith("| ")]

    assert "| make its task | 2.0 | 3.0 | 1.50 |" in rows
    assert len(rows) == 1 + len(growth_tables.STEPS)
