"""`modicum-server selftest`: are the verdicts right where the truth is known, because we planted it?

Small classifiers are trained on handwritten digits with a mark that gives the class away, without one, and on random
labels; each is audited by the product's own handler, measures and rule, which see pictures, labels and boxes, and
nothing else. Needs the extra `selftest`; no server, no network, nothing outside the installed packages.
"""
