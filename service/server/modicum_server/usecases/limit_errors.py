"""What is refused because a project has reached a limit. Part of the tree in `errors`."""

from modicum_server.errors import ResourceExhausted


class TooManyQueued(ResourceExhausted):
    """There are as many queued audits of the project or of the caller as this server allows. Wait for some to end."""


class TooManyPasses(ResourceExhausted):
    """The audits of the project, or of the caller in it, have too many passes left. Wait for some of them to end."""


class ProjectFull(ResourceExhausted):
    """The project, or the caller in it, stores too many bytes. Delete artifacts that nothing refers to."""
