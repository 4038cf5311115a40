"""Every output of a verdict: each is a function of the verdict's JSON document. Judges nothing, writes no file."""
