"""What goes wrong with blind reviews. Part of the tree in `errors`."""

from modicum_server.errors import FailedPrecondition, NotFound, Unauthenticated


class ReviewNotFound(NotFound):
    """There is no such review."""


class ReviewImpossible(FailedPrecondition):
    """The audit has nothing that a review could show."""


class ReviewFull(FailedPrecondition):
    """The review has the most reviewers that it can have."""


class ReviewLinkUsed(Unauthenticated):
    """This link was used or has ended; ask whoever sent it for another one."""


class ReviewerUnknown(Unauthenticated):
    """This browser has no review to answer; open the link that you were sent."""
