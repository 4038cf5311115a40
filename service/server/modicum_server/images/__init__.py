"""Bytes of image files to arrays on the canvas, and where an image's objects lie. Pillow and numpy only.

Knows no store, no model and no transport: the API, the model's process and the reports all read images here.
"""
