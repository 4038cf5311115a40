"""What the admins of a project do, as the synchronous client has it: members, the trail, holds and so on."""

from dataclasses import dataclass

from modicum.erasures import AsyncErasures
from modicum.event_loop_thread import Portal, blocking, streaming
from modicum.holds import AsyncHolds
from modicum.members import AsyncMembers, AsyncTokens
from modicum.retention import AsyncRetentions
from modicum.trail import AsyncTrail
from modicum.trust import AsyncTrust


@dataclass(frozen=True, slots=True)
class Members:
    """Members of a project, which its admins manage."""

    _portal: Portal
    _async: AsyncMembers

    list = streaming(AsyncMembers.list)
    add = blocking(AsyncMembers.add)
    set_role = blocking(AsyncMembers.set_role)
    remove = blocking(AsyncMembers.remove)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of the members of a project, which its admins manage."""

    _portal: Portal
    _async: AsyncTokens

    list = streaming(AsyncTokens.list)
    create = blocking(AsyncTokens.create)
    rotate = blocking(AsyncTokens.rotate)
    revoke = blocking(AsyncTokens.revoke)


@dataclass(frozen=True, slots=True)
class Trust:
    """Trust rules of a project, which its admins manage."""

    _portal: Portal
    _async: AsyncTrust

    list = streaming(AsyncTrust.list)
    add = blocking(AsyncTrust.add)
    remove = blocking(AsyncTrust.remove)


@dataclass(frozen=True, slots=True)
class Trail:
    """The trail (audit log) of a project, which its admins read."""

    _portal: Portal
    _async: AsyncTrail

    list = streaming(AsyncTrail.list)
    export = streaming(AsyncTrail.export)


@dataclass(frozen=True, slots=True)
class Erasures:
    """Erasures of pictures from a project, which its admins ask for."""

    _portal: Portal
    _async: AsyncErasures

    erase = blocking(AsyncErasures.erase)
    wait = blocking(AsyncErasures.wait)
    get = blocking(AsyncErasures.get)
    list = streaming(AsyncErasures.list)


@dataclass(frozen=True, slots=True)
class Holds:
    """Holds on evidence, which the admins of a project manage."""

    _portal: Portal
    _async: AsyncHolds

    list = streaming(AsyncHolds.list)
    add = blocking(AsyncHolds.add)
    release = blocking(AsyncHolds.release)


@dataclass(frozen=True, slots=True)
class Retentions:
    """For how long a project keeps findings, results and pictures. Its admins set it."""

    _portal: Portal
    _async: AsyncRetentions

    get = blocking(AsyncRetentions.get)
    set = blocking(AsyncRetentions.set)
