"""What is refused because a project has reached a limit. Part of the tree in `errors`."""

from modicum_server.errors import ResourceExhausted


class TooManyQueued(ResourceExhausted):
    """The project or the caller has the most queued audits that this server allows. Wait until some have started."""


class TooManyPasses(ResourceExhausted):
    """The audits of the project, or of the caller in it, have too many passes waiting. Wait until some audits end."""


class ProjectFull(ResourceExhausted):
    """The project, or the caller there or in all projects, stores too many bytes. Delete what nothing refers to."""
