"""The version of the library; results record it, for another version may find other subsets."""

__version__ = "0.1.0"
