"""Measures what this project claims: subset sizes per pass, time against raw passes, memory. `make bench` runs it.

Every figure is a ratio to a reference in the same run, or stands beside one. No distribution contains this package.
Nothing here may assert a time, and nothing outside may import it.
"""
