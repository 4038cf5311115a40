"""The version of this distribution; results record it, for another version may find other subsets."""

from importlib.metadata import version

__version__ = version("modicum-sis")
