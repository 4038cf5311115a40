"""A faster copy of a module for the passes of a search. Nothing that is reported comes from it."""
