"""An audit that can be reviewed, people who answer, and what a report then says."""

import io
import json
from dataclasses import dataclass, replace

import numpy as np
from modicum_server.domain.audits import Audit
from modicum_server.domain.findings import Finding
from modicum_server.domain.reviews import PictureKind
from modicum_server.reports.renderer import Renderer
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.reviewing import Reviewing
from modicum_server.usecases.reviews import AskedReview, Reviews
from PIL import Image

from tests.gate.documents import VERSION, document
from tests.measures.example_audit import finding
from tests.usecases.usecases_stage import AUDITOR, CHECK, VIEWER, Place, draft

LABELS = tuple(f"kind {index}" for index in range(10))
IMAGES = 30
PIXELS = 64
WHITE, GREY = (255, 255, 255), (128, 128, 128)
SMALL = AskedReview(largest_fraction=0.2)


def picture(place: int) -> bytes:
    """White, with a mark that tells the image."""
    data = io.BytesIO()
    image = Image.new("RGB", (8, 8), WHITE)
    image.putpixel((7, 7), (place, 0, 0))
    image.save(data, "PNG")
    return data.getvalue()


@dataclass
class Reviewed:
    """An audit that succeeded, and the use cases of its reviews."""

    place: Place
    audit: Audit
    reviews: Reviews
    reviewing: Reviewing

    async def create(self, asked: AskedReview = SMALL, who=AUDITOR, **options):
        return await self.reviews.create(who, self.audit.name, asked, CreateOptions(**options))

    async def reviewer(self, name: str) -> str:
        """Invite somebody; returns the secret of the session."""
        invitation = await self.reviews.invite(AUDITOR, name, "Ada")
        return await self.reviewing.take_link(invitation.path.partition("#")[2])

    async def create_many(self, count: int) -> None:
        """Store so many reviews that nobody answers."""
        drawn = (await self.create()).review
        async with self.place.store.transaction() as transaction:
            for number in range(count):
                await transaction.reviews.create(replace(drawn, name=f"{drawn.name}-{number}"))

    async def begin(self, name: str) -> None:
        """Let somebody answer one picture, and leave."""
        secret = await self.reviewer(name)
        await self.reviewing.answer(secret, (await self.reviewing.now(secret)).picture_id, None)

    async def answer(self, name: str, *, people: int, naming: list[PictureKind]) -> None:
        """Let people answer every picture: the class on pictures of these kinds, and else that nothing is there."""
        for _ in range(people):
            secret = await self.reviewer(name)
            review = (await self.reviews.get(VIEWER, name)).review
            for planned in review.reviewers[-1].pictures:
                shown = await self.reviewing.now(secret)
                label = LABELS[review.plan.images[planned.image].predicted_class]
                option = shown.options.index(label) + 1 if planned.kind in naming else None
                await self.reviewing.answer(secret, shown.picture_id, option)

    async def reported(self) -> list[dict]:
        """What a report says of the reviews."""
        return (await self.place.reports.as_reported(AUDITOR, self.audit)).get("reviews", [])

    async def pixels(self, secret: str, picture_id: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(await self.reviewing.picture(secret, picture_id))))


async def audited(place: Place, found: list[Finding], *, copies: dict[int, int] | None = None, **changes) -> Reviewed:
    """An audit with these findings. `copies` has the positions of copies, and of what each is a copy."""
    version = await place.register(class_labels=LABELS, check=replace(CHECK, class_count=10))
    asked = draft(versions=(version.name,), dataset=await place.dataset(count=3, labels=LABELS[:2]), **changes)
    audit = await place.audit(asked)
    stored = []
    for one in found:
        digest = await place.upload(picture((copies or {}).get(one.position, one.position)))
        stored.append(replace(one, model_version=version.name, image_digest=digest))
    async with place.store.transaction() as transaction:
        await transaction.findings.add(audit.name, stored)
    result = json.loads(json.dumps(document(spots=(), audit=audit.name)).replace(VERSION, version.name))
    result["specification"]["statistics"]["alpha"] = SMALL.largest_fraction
    await place.succeed(audit.name, result, stored)
    audit = await place.audits.get(AUDITOR, audit.name)
    reviews = Reviews(place.store, place.artifact_store, place.report_threads)
    reviewing = Reviewing(
        place.store,
        place.artifact_store,
        Renderer(),
        place.reports,
        place.report_threads,
        settings=place.settings,
    )
    return Reviewed(place, audit, reviews, reviewing)


def found_on(place: int, size: int = 5, **changes) -> Finding:
    return finding(place, size, predicted_class=place % 10, target_class=place % 10, **changes)
