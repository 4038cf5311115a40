"""Reports: pure functions of the result document, the findings' rows and the images. No store, clock or network."""

from modicum_server.reports.canvas_archive import CanvasArchive, images_with_subsets
from modicum_server.reports.html_report import render_html
from modicum_server.reports.json_report import JsonReport

__all__ = ["CanvasArchive", "JsonReport", "images_with_subsets", "render_html"]
