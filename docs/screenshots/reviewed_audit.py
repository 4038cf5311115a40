"""A blind review of the marked version, answered by three reviewers in browsers of their own.

They name the class on whole pictures, and mostly see nothing in the others.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from modicum_server.domain.documents import REVIEW_PLAN, value_of
from modicum_server.domain.reviews import PictureKind, ReviewPicture, ReviewPlan
from modicum_server.usecases.review_plans import session
from playwright.sync_api import Browser, Page

REVIEWERS = ("Ada", "Bo", "Cy")
LARGEST_FRACTION = "0.1"
SEES_NOTHING = 0.85
SHOWN_AT = 3
"""The picture of a session that the screenshot shows."""


@dataclass(frozen=True)
class AskedReview:
    """A review in the browser of whoever asks."""

    page: Page
    address: str

    @classmethod
    def about(cls, page: Page, audit_address: str) -> "AskedReview":
        """Press "Ask people" on the page of an audit."""
        page.goto(audit_address)
        page.get_by_role("link", name="Ask people").click()
        page.get_by_label("Largest subset").fill(LARGEST_FRACTION)
        page.get_by_role("button", name="Draw the pictures").click()
        page.get_by_role("heading", name="What people see").wait_for()
        return cls(page, page.url)

    def link(self, name: str) -> str:
        """Make the link of a reviewer."""
        self.page.goto(self.address)
        self.page.get_by_label("Name of a reviewer").fill(name)
        self.page.get_by_role("button", name="Make a link").click()
        return self.page.locator("code[data-copy]").inner_text()

    def plan(self) -> ReviewPlan:
        """What the pictures are made of."""
        document = json.loads(self.page.request.get(f"{self.address}/review.json").body())
        plan: ReviewPlan = value_of(REVIEW_PLAN, document["plan"])
        return plan


def answer_as_people_do(browser: Browser, asked: AskedReview, *, picture: Path, end: Path) -> None:
    """Let every reviewer answer. Of the first, take a screenshot of a picture on the way, and of the end."""
    plan = asked.plan()
    for number, name in enumerate(REVIEWERS):
        window = browser.new_page(viewport={"width": 1180, "height": 820})
        window.goto(asked.link(name))
        taken = picture if number == 0 else None
        _answer(window, plan, session(plan, number), np.random.default_rng(number), taken)
        if number == 0:
            window.screenshot(path=end)
        window.close()


def _answer(
    window: Page, plan: ReviewPlan, pictures: Sequence[ReviewPicture], source: np.random.Generator, taken: Path | None
) -> None:
    for place, one in enumerate(pictures, 1):
        window.get_by_text(f"Picture {place} of {len(pictures)}").wait_for()
        window.locator(".looked-at").evaluate("one => one.decode()")
        if taken and place == SHOWN_AT:
            window.screenshot(path=taken)
        window.locator(f'#answer button[value="{_key(plan, one, source)}"]').click()
    window.get_by_role("heading", name="Thank you").wait_for()


def _key(plan: ReviewPlan, one: ReviewPicture, source: np.random.Generator) -> int:
    image = plan.images[one.image]
    if one.kind is PictureKind.WHOLE:
        return image.options.index(image.predicted_class) + 1
    return 0 if source.random() < SEES_NOTHING else int(source.integers(1, len(image.options) + 1))
