"""Why a backup or a restore does not go on. The commands of the operator show these messages."""

from modicum_server.errors import ModicumError


class BackupUnderWay(ModicumError):
    """Another backup of this store is under way; wait until it has ended."""


class BackupPlaceTaken(ModicumError):
    """The folder for the backup is not empty."""


class BackupUnknown(ModicumError):
    """There is no finished backup in a form that this release reads."""


class BackupDamaged(ModicumError):
    """The backup is damaged."""


class StoreNotEmpty(ModicumError):
    """What is to be restored to is not empty."""
