"""What retention deleted: the pages of an audit and of a data set say so, and offer nothing that needs it."""

import pytest
from modicum_server.domain.retention import Kept

from tests.pages.page_reading import whole
from tests.pages.pages_stage import PROJECT


@pytest.fixture
def aged(scene, request):
    """An audit with its own data set, of which retention deleted one kind."""

    async def made(kind: Kept) -> str:
        name = f"past-{kind.lower()}"
        dataset = await scene.dataset(name, count=3)
        audit = await scene.audit(name, f"{PROJECT}/models/tiny/versions/1", dataset)
        await scene.succeed(audit)
        async with scene.store.transaction() as transaction:
            past = dataset if kind is Kept.IMAGES else audit.name
            await transaction.retention.let_go(PROJECT, kind, past, days=0)
        return name

    return scene.run(made(request.param))


@pytest.mark.parametrize("aged", [Kept.FINDINGS], indirect=True)
def test_an_audit_without_findings_shows_the_report_with_figures_and_says_so(scene, aged):
    browser, page = scene.browser(), f"/{PROJECT}/audits/{aged}"

    shown, report = browser.get(page), browser.get(f"{page}/report")

    said = f"The findings of {PROJECT}/audits/{aged} were deleted on"
    assert said in whole(shown)
    assert said in whole(report)
    assert "so the report has only figures of them" in whole(report)
    assert f'src="{page}/report"' in shown.text
    assert "Judge it by a policy" not in whole(shown)


@pytest.mark.parametrize("aged", [Kept.REPORTS], indirect=True)
def test_an_audit_without_its_result_says_so_and_shows_no_report(scene, aged):
    browser, page = scene.browser(), f"/{PROJECT}/audits/{aged}"

    shown, report = browser.get(page), browser.get(f"{page}/report")
    with_trends = [browser.get(f"/{PROJECT}{rest}") for rest in ("", "/models/tiny")]

    assert f"The result of {PROJECT}/audits/{aged} was deleted on" in whole(shown)
    assert f'src="{page}/report"' not in shown.text
    assert "Judge it by a policy" not in whole(shown)
    assert report.status == 400
    assert "so it has no report. To get a result, audit again" in whole(report)
    assert [one.status for one in with_trends] == [200, 200]


@pytest.mark.parametrize("aged", [Kept.IMAGES], indirect=True)
def test_a_data_set_without_pictures_says_so_and_offers_no_audit(scene, aged):
    browser = scene.browser()

    shown, report = browser.get(f"/{PROJECT}/datasets/{aged}"), browser.get(f"/{PROJECT}/audits/{aged}/report")

    said = f"The pictures of {PROJECT}/datasets/{aged} were deleted on"
    assert said in whole(shown)
    assert said in whole(report)
    assert "Audit a model on it" not in whole(shown)
