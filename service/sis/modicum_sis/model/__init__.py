"""The classifier that is audited: its input, its checked output, and how many images one pass should hold."""
