"""`modicum reviews`: ask people what they see in the subsets of an audit, and read what their answers say."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, say_deleted, stderr, stdout
from modicum.cli.options import FLAG, MODEL, RUN, SEARCH, option
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client
from modicum.endpoints import is_loopback
from modicum.errors import InvalidArgument
from modicum.gate.counting import counted
from modicum.gate.numbers import exact_percent, percent, points
from modicum.resource_names import printable, short_version
from modicum.reviews import PictureKind, PictureShare, Review, Reviewer, short_review

app = typer.Typer(cls=Group, no_args_is_help=True, help="Ask people what they see in the subsets of an audit.")

Audit = Annotated[str, typer.Argument(metavar="AUDIT", help="Name of the audit.")]
ReviewName = Annotated[
    str, typer.Argument(metavar="REVIEW", help="The review: AUDIT/REVIEW, as `modicum reviews list AUDIT` shows it.")
]
NO_FIGURE = "-"
OF_PREDICTED = f"{options.WHICH_SEARCH} A review takes only searches for the predicted class."
KINDS = {
    PictureKind.SUBSET: "subsets",
    PictureKind.RANDOM: "random pixels",
    PictureKind.WHOLE: "whole pictures",
}


@command(app)
def create(
    audit: Audit,
    *,
    version: Annotated[
        str, option(MODEL, "--version", "MODEL/NUMBER", "Version to review. Default: the first of the audit.")
    ] = "",
    search: Annotated[int, option(SEARCH, "--search", "N", OF_PREDICTED)] = 0,
    largest_fraction: Annotated[
        float,
        option(
            SEARCH,
            "--largest-fraction",
            "SHARE",
            "Show subsets of at most this share of the pixels. 0 means the audit's alpha.",
        ),
    ] = 0.0,
    seed: Annotated[int, option(RUN, "--seed", "N", "The same seed shows the same pictures.")] = 0,
    validate_only: Annotated[
        bool, option(RUN, "--validate-only", FLAG, "Create nothing; only print what would be shown.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Create a blind review of randomly chosen pictures: subsets, equally many random pixels, and whole pictures.

    Next, `modicum reviews invite` prints a link for each person.
    """
    with Client() as client:
        review = client.reviews.create(
            audit,
            version=version,
            search=search,
            seed=seed,
            largest_fraction=largest_fraction,
            validate_only=validate_only,
        )
        page = client.page_of(review.name) if review.name else ""
    if as_json:
        print_json(review)
        return
    images = f"{counted(review.image_count, 'image')} with a subset of at most {exact_percent(review.largest_fraction)}"
    if validate_only:
        print_text(stdout(), f"{images} of the pixels; nothing was created")
        return
    print_text(stdout(), f"{short_review(review.name)}  {images} of the pixels")
    if page:
        stderr().print(f"look: {page}", markup=False, soft_wrap=True)


@command(app, "list")
def list_reviews(audit: Audit, *, as_json: options.Json = False) -> None:
    """List the blind reviews of an audit, newest first."""
    with Client() as client:
        reviews = list(client.reviews.list(audit))
    if as_json:
        print_json(reviews)
        return
    names = ("review", "outcome", "model", "images", "answered", "created")
    rows = [
        (
            short_review(review.name),
            _outcome(review),
            short_version(review.model_version),
            f"{review.image_count:,}",
            ", ".join(map(_answered, review.reviewers)),
            f"{review.create_time:%Y-%m-%d %H:%M}",
        )
        for review in reviews
    ]
    prose = {"outcome", "model", "answered"}
    columns = [Column(name, prose=name in prose, number=name == "images") for name in names]
    print_grid(stdout(), Grid(columns=columns, rows=rows))


@command(app)
def invite(
    review: ReviewName,
    *,
    name: Annotated[
        str,
        option(
            RUN,
            "--name",
            "TEXT",
            "Name of the reviewer. `modicum reviews show` prints it with the number of pictures that this person "
            "answered. The answers that can be downloaded from the web page of the review are without names.",
        ),
    ] = "",
    again: Annotated[
        int | None,
        option(
            RUN,
            "--again",
            "N",
            "Number of a reviewer who lost the link (see `modicum reviews show`): print a new link for this "
            "reviewer. The new link continues where the old one stopped.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print the link for a new reviewer. The link works once, in one browser. It cannot be shown again."""
    if again is not None and again < 1:
        raise InvalidArgument(f"--again: expected a number from 1 on; got {again}")
    with Client() as client:
        invitation = client.reviews.invite(review, display_name=name, reviewer=None if again is None else again - 1)
        link = client.page_of(invitation.path.removeprefix("/"))
    shown = link or invitation.path
    if as_json:
        print_json({"reviewer": invitation.reviewer, "link": shown, "expire_time": invitation.expire_time})
        return
    stdout().print(shown, markup=False, highlight=False, soft_wrap=True)
    until = f"works once, in one browser, until {invitation.expire_time:%Y-%m-%d %H:%M} UTC"
    print_text(stderr(), f"{_called(invitation.reviewer)}: {until}{_lacking(link)}")


@command(app)
def show(review: ReviewName, *, as_json: options.Json = False) -> None:
    """Show what the answers of a blind review say, with intervals, and how far each reviewer is."""
    with Client() as client:
        found = client.reviews.get(review)
    if as_json:
        print_json(found)
        return
    print_text(stdout(), f"{short_review(found.name)}: {_outcome(found)}")
    print_text(stdout(), printable(found.text))
    if found.named:
        print_grid(stdout(), _figures(found))
    if found.reviewers:
        print_grid(stdout(), _reviewers(found))
    print_text(stdout(), f"SHA-256 of the plan and every answer: {found.digest}")


@command(app)
def delete(review: ReviewName, *, as_json: options.Json = False) -> None:
    """Delete a blind review with its answers. Needs the role admin."""
    with Client() as client:
        client.reviews.delete(review)
    say_deleted(review, as_json=as_json)


def _lacking(link: str) -> str:
    """What a link needs before somebody else can open it."""
    if not link:
        return "; put the address of the pages in front of it"
    if is_loopback(urlsplit(link).hostname or ""):
        return "; the link opens only on this machine, because the server listens only here"
    return ""


def _outcome(review: Review) -> str:
    """The outcome, once there is an answer."""
    if not review.reviewers:
        return "not asked yet"
    return review.outcome.value if any(one.answer_count for one in review.reviewers) else "not answered yet"


def _called(reviewer: Reviewer) -> str:
    return printable(reviewer.display_name) or f"reviewer {reviewer.number + 1}"


def _answered(reviewer: Reviewer) -> str:
    return f"{_called(reviewer)} {reviewer.answer_count} of {reviewer.picture_count}"


def _figures(review: Review) -> Grid:
    names = ("pictures", "named", "interval", "nothing there", "number")
    columns = [Column(name, prose=name == "pictures", number=name == "number") for name in names]
    caption = f"{exact_percent(review.level)} intervals. A picture that several people saw counts once."
    return Grid(columns=columns, rows=list(_figure_rows(review)), caption=caption)


def _figure_rows(review: Review) -> Iterator[tuple[str, ...]]:
    for kind, share in review.named.items():
        yield KINDS[kind], _share(share.value), _ends(share), _share(review.nothing[kind].value), f"{share.n}"
    if review.chance is not None:
        yield "a guess", percent(review.chance), NO_FIGURE, NO_FIGURE, NO_FIGURE
    for what, difference in (("random pixels", review.over_random), ("a guess", review.over_chance)):
        value = NO_FIGURE if difference.value is None else f"{points(difference.value)} points"
        yield f"subsets less {what}", value, _ends(difference, of_points=True), NO_FIGURE, NO_FIGURE


def _share(value: float | None) -> str:
    return NO_FIGURE if value is None else percent(value)


def _ends(share: PictureShare, *, of_points: bool = False) -> str:
    if share.low is None or share.high is None:
        return NO_FIGURE
    text = points if of_points else percent
    return f"{text(share.low)} to {text(share.high)}"


def _reviewers(review: Review) -> Grid:
    names = ("number", "reviewer", "answered", *(f"{kind} named" for kind in KINDS.values()))
    rows = [
        (
            f"{one.number + 1}",
            _called(one),
            f"{one.answer_count} of {one.picture_count}",
            *(_share_of(one.named.get(kind)) for kind in KINDS),
        )
        for one in review.reviewers
    ]
    return Grid(columns=[Column(name, prose=name == "reviewer") for name in names], rows=rows)


def _share_of(share: PictureShare | None) -> str:
    return NO_FIGURE if share is None or not share.n else f"{_share(share.value)} of {share.n}"
