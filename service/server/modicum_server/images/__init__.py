"""Turns image files into arrays on the canvas, and finds where an image's objects are. Pillow and numpy only.

Knows no store, no model and no transport: the API, the model's process and the reports all read images here.
"""
