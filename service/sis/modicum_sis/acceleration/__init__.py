"""A faster copy of a module for the passes of a search. Reported scores never come from it."""
