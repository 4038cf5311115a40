"""Blind reviews for the tests of pages: an audit with pictures, reviewers by link, and what each picture is."""

import re
from dataclasses import dataclass
from hashlib import sha256

from modicum_server.domain.reviews import Review, ReviewPicture
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.reviews import AskedReview

from tests.measures.example_audit import LABELS
from tests.pages.pages_stage import ADA, PROJECT, PlainBrowser, Scene, Seen, picture

TINY = f"{PROJECT}/models/tiny/versions/1"
IMAGES = 30


def audited(scene: Scene, name: str) -> str:
    """Audit pictures, with subsets of 1 to 3 of 64 pixels; returns the name of the audit."""

    def seen(place: int) -> dict[str, object]:
        predicted = place % len(LABELS)
        digest = sha256(picture(place)).hexdigest()
        return {"image_digest": digest, "predicted_class": predicted, "target_class": predicted}

    dataset = scene.run(scene.dataset(f"{name}-pictures", IMAGES))
    audit = scene.run(scene.audit(name, TINY, dataset))
    scene.run(scene.succeed(audit, 1, changes=seen))
    return audit.name


@dataclass
class OpenReview:
    """A review of an audit."""

    scene: Scene
    name: str

    @classmethod
    def about(cls, scene: Scene, audit: str) -> "OpenReview":
        reviews = scene.services.use_cases.reviews
        made = scene.run(reviews.create(ADA, audit, AskedReview(largest_fraction=0.05, seed=5), CreateOptions()))
        return cls(scene, made.review.name)

    @property
    def review(self) -> Review:
        return self.scene.run(self.scene.services.use_cases.reviews.get(ADA, self.name)).review

    def link(self) -> str:
        """The path of a new reviewer's link."""
        return self.scene.run(self.scene.services.use_cases.reviews.invite(ADA, self.name, "Bo")).path

    def planned(self, number: int = -1) -> tuple[ReviewPicture, ...]:
        """The pictures of a reviewer in their order; by default the newest's."""
        return self.review.reviewers[number].pictures

    def key(self, planned: ReviewPicture) -> str:
        """The key of the predicted class."""
        image = self.review.plan.images[planned.image]
        return str(image.options.index(image.predicted_class) + 1)


@dataclass
class ReviewerBrowser:
    """A browser without scripts in which a reviewer took the link."""

    plain: PlainBrowser

    @classmethod
    def of(cls, scene: Scene, link: str) -> "ReviewerBrowser":
        browser = PlainBrowser(scene.http_port, f"127.0.0.1:{scene.http_port}")
        assert browser.send("/review", "/review/link", link=link.partition("#")[2]).status == 303
        return cls(browser)

    def page(self) -> Seen:
        return self.plain.get("/review")

    def picture_id(self) -> str:
        return picture_id_in(self.page().text)

    def picture(self, picture_id: str, **headers: str) -> Seen:
        return self.plain.get(f"/review/pictures/{picture_id}", **headers)

    def answer(self, picture_id: str, key: str) -> Seen:
        return self.plain.send("/review", "/review/answer", picture=picture_id, option=key)


def picture_id_in(text: str) -> str:
    """The id of the picture on a page."""
    return re.search(r'src="/review/pictures/([0-9a-f]+)"', text)[1]
