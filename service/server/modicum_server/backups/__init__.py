"""The files of a backup, in a folder."""
