"""Writes the pictures of docs/architecture.md."""

from docs.drawings import write_drawings

write_drawings()
