"""Writes the screenshots: python -m docs.screenshots."""

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from docs.screenshots.audited_server import AuditedServer, audited_server
from docs.screenshots.reviewed_audit import AskedReview, answer_as_people_do

IMAGES = Path(__file__).parents[1] / "images"
PROJECT = "/projects/default"
TOLD = "[role=status]:not(#not-updated, #heard)"
"""What a page says of the form that was just sent. The two others are on every page, and mostly empty."""
DESKTOP, PHONE = {"width": 1180, "height": 820}, {"width": 390, "height": 844}
SHOTS = {
    "overview": "",
    "needs": "/needs",
    "audits": "/audits",
    "audit": "/audits/summer",
    "progress": "/audits/thorough",
    "new-audit": f"/new-audit?model={PROJECT[1:]}/models/digits/versions/2",
    "models": "/models",
    "model": "/models/digits#audits",
    "version": "/models/digits/versions/2",
    "side-by-side": f"/side-by-side?left={PROJECT[1:]}/audits/spring&right={PROJECT[1:]}/audits/summer",
    "datasets": "/datasets",
    "dataset": "/datasets/marked-pictures",
    "canvas": f"/datasets/marked-pictures?seen_by={PROJECT[1:]}/audits/summer",
    "artifacts": "/artifacts",
    "judge": "/audits/summer/judge",
    "new-review": "/audits/summer/new-review",
    "verdicts": "/verdicts",
    "policies": "/policies",
    "members": "/members",
    "tokens": "/tokens",
    "trail": "/trail",
    "words": "/words",
    "not-found": "/audits/winter",
}
"""By the name of the picture, the page that it shows."""
PROVIDER = {
    "MODICUM_SIGN_IN_ISSUER": "https://login.example.org",
    "MODICUM_SIGN_IN_NAME": "Example",
    "MODICUM_SIGN_IN_CLIENT_ID": "modicum",
    "MODICUM_PAGES_URL": "http://127.0.0.1:7401",
}
"""Settings with which the page to sign in offers a provider. Nobody signs in there."""
ISSUER = "https://token.actions.githubusercontent.com"
SETTLED_MILLISECONDS = 3000
SWAP_MILLISECONDS = 180_000
UNDER_WAY_MILLISECONDS = 40_000
"""After this, the audit that runs says how long it takes."""


def main() -> None:
    """Fill a server, and take all screenshots."""
    os.environ.update({**PROVIDER, "MODICUM_TRUSTED_ISSUERS": ISSUER})
    chromium = shutil.which("chromium")
    folder = Path(tempfile.mkdtemp(prefix="md-"))
    folder.chmod(0o711)
    with audited_server(folder) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = _signed_in(browser, server, viewport=DESKTOP)
        page.wait_for_timeout(UNDER_WAY_MILLISECONDS)
        for name, path in SHOTS.items():
            _take(page, name, f"{server.http_url}{PROJECT}{path}")
        page.goto(f"{server.http_url}{PROJECT}/audits/summer")
        page.locator("#verdicts ~ ul a").first.click()
        _take(page, "verdict", page.url)
        page.goto(f"{server.http_url}{PROJECT}/policies")
        page.locator("main a").first.click()
        _take(page, "policy", page.url)
        _take(page, "projects", f"{server.http_url}/projects")
        _take(page, "rest", f"{server.http_url}/docs#ListModels")
        _make_token(page, f"{server.http_url}{PROJECT}/tokens")
        _trust_a_branch(page, f"{server.http_url}{PROJECT}/trust")
        _hold_an_audit(page, f"{server.http_url}{PROJECT}/audits/summer")
        _keep_for_a_time(page, f"{server.http_url}{PROJECT}")
        _swap_spot(page, f"{server.http_url}{PROJECT}{SHOTS['side-by-side']}")
        asked = AskedReview.about(page, f"{server.http_url}{PROJECT}/audits/summer")
        answer_as_people_do(
            browser, asked, picture=IMAGES / "pages-review-picture.png", end=IMAGES / "pages-review-end.png"
        )
        _take(page, "review", asked.address)
        _take(browser.new_page(viewport=DESKTOP), "sign-in", f"{server.http_url}/sign-in")
        _take(_signed_in(browser, server, viewport=PHONE), "phone", f"{server.http_url}{PROJECT}")
        dark = _signed_in(browser, server, viewport=DESKTOP, color_scheme="dark")
        _take(dark, "dark", f"{server.http_url}{PROJECT}{SHOTS['model']}")
        _erase_a_picture(page, f"{server.http_url}{PROJECT}")
        browser.close()
    shutil.rmtree(folder)


def _signed_in(browser: Browser, server: AuditedServer, **look: object) -> Page:
    page = browser.new_context(**look).new_page()  # type: ignore[arg-type]
    page.goto(f"{server.http_url}/sign-in")
    page.get_by_label("Token").fill(server.token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{PROJECT}")
    return page


def _make_token(page: Page, tokens: str) -> None:
    """Take the page of a new token, which shows its secret once."""
    page.goto(tokens)
    page.get_by_label("Member").fill("local")
    page.get_by_label("What it is for").fill("nightly gate")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_role("heading", name="The new token").wait_for()
    page.screenshot(path=IMAGES / "pages-new-token.png")


def _trust_a_branch(page: Page, rules: str) -> None:
    """Take the page of trust rules with a rule."""
    page.goto(rules)
    page.get_by_label("Name", exact=True).fill("main")
    page.get_by_label("Audience").fill("https://modicum.example.org:7400")
    page.get_by_label("Claims").fill("repository_id=1296269\nref=refs/heads/main")
    page.get_by_role("button", name="Trust these jobs").click()
    page.locator(TOLD).wait_for()
    _take(page, "trust", page.url)


def _hold_an_audit(page: Page, audit: str) -> None:
    """Take the page of holds with one on an audit."""
    page.goto(audit)
    page.get_by_role("link", name="Hold it as evidence").click()
    page.get_by_label("Name", exact=True).fill("incident-12")
    page.get_by_label("Reason").fill("evidence of incident 12")
    page.get_by_role("button", name="Hold it").click()
    page.locator(TOLD).wait_for()
    _take(page, "holds", page.url)


def _keep_for_a_time(page: Page, project: str) -> None:
    """Take the page of retention where findings and images go after a time."""
    page.goto(f"{project}/retention")
    page.get_by_label("Findings").fill("180")
    page.get_by_label("Images").fill("30")
    page.get_by_role("button", name="Save").click()
    page.locator(TOLD).wait_for()
    _take(page, "retention", page.url)


def _erase_a_picture(page: Page, project: str) -> None:
    """Take the form that erases a picture, and the receipt.

    Before, the audits that have not ended are cancelled, because both use the picture, and what is held is released.
    """
    for audit in ("thorough", "next"):
        page.goto(f"{project}/audits/{audit}")
        page.get_by_role("button", name="Cancel the audit").click()
        page.get_by_text("CANCELLED").first.wait_for()
    page.goto(f"{project}/holds")
    page.locator("summary", has_text="Release").click()
    page.get_by_role("button", name="Release incident-12").click()
    page.get_by_text("Nothing is held.").wait_for()
    page.goto(f"{project}/datasets/marked-pictures")
    page.get_by_role("link", name="Erase").first.click()
    _take(page, "erase", page.url)
    page.get_by_label("Erase it for good").check()
    page.get_by_role("button", name="Erase the picture").click()
    page.get_by_role("heading", name="Erasure").wait_for()
    while not page.get_by_text("Everything listed as deleted here has been deleted").is_visible():
        page.wait_for_timeout(SETTLED_MILLISECONDS)
        page.reload()
    _take(page, "erasure", page.url)


def _swap_spot(page: Page, both: str) -> None:
    """Take the form of a swap of a spot, and a swap that has ended."""
    page.goto(both)
    page.get_by_role("link", name="Try a spot of it").first.click()
    _take(page, "new-swap", page.url)
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("SUCCEEDED").wait_for(timeout=SWAP_MILLISECONDS)
    _take(page, "swap", page.url)
    page.get_by_role("link", name="Swaps of a spot").click()
    _take(page, "swaps", page.url)


def _take(page: Page, name: str, url: str) -> None:
    page.goto(url)
    page.wait_for_timeout(SETTLED_MILLISECONDS)
    page.screenshot(path=IMAGES / f"pages-{name}.png")


main()
