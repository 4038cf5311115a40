"""Measures what this project claims: subset sizes against passes, time over raw passes, memory. `make bench` runs it.

Every figure is a ratio with its reference in the same run, or stands beside it. Ships with no distribution; nothing
here may assert a time, and nothing outside may import it.
"""
