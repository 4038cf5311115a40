"""The gate part: verdicts on synthetic rows, at and away from the limits of their rules. Runs no model.

A module for each kind of rule draws documents and has `rows()`; `run` counts the gate's own outcomes on them.
"""
