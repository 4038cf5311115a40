"""The images of a run, and the fills that stand where a mask is False."""
