"""The version of this distribution. Results record it, because another version may find other subsets."""

from importlib.metadata import version

__version__ = version("modicum-sis")
