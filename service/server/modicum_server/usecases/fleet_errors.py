"""Errors that end the command of a fleet. They never reach a caller of the API."""

from modicum_server.errors import InvalidArgument, Unavailable


class FleetInvalid(InvalidArgument):
    """A fleet cannot be started with these options."""


class RayAddressInvalid(FleetInvalid):
    """The address of Ray is not valid."""


class RayNotPrivate(FleetInvalid):
    """Others could read the traffic with Ray, and start programs there."""


class SettingsFileUnfit(FleetInvalid):
    """The file of settings cannot be used."""


class FleetAway(Unavailable):
    """What a fleet needs is away."""


class RayAway(FleetAway):
    """Ray does not answer."""


class RayUnfit(FleetAway):
    """Ray refused the connection of the fleet."""
