"""Why a backup or a restore does not go on. The commands of the operator show these messages."""

from modicum_server.errors import ModicumError


class BackupError(ModicumError):
    """A backup or a restore cannot continue."""


class BackupUnderWay(BackupError):
    """Another backup of this store is under way; wait until it has ended."""


class BackupPlaceTaken(BackupError):
    """The folder for the backup is not empty."""


class BackupUnknown(BackupError):
    """There is no finished backup in a form that this release reads."""


class BackupDamaged(BackupError):
    """The backup is damaged."""


class StoreNotEmpty(BackupError):
    """The database or the artifact store to restore to is not empty."""
