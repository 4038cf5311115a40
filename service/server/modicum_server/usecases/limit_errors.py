"""What is refused because a project has reached a limit. Part of the tree in `errors`."""

from modicum_server.errors import ResourceExhausted


class TooManyQueued(ResourceExhausted):
    """There are as many queued audits of the project or of the caller as this server allows. Wait for some to end."""


class TooManyPasses(ResourceExhausted):
    """The project's audits have as many passes left as this server allows. Wait for some of them to end."""


class ProjectFull(ResourceExhausted):
    """The project stores as many bytes as this server allows. Delete artifacts that nothing refers to."""
