"""`modicum-server selftest`: checks that the verdicts are right in cases whose truth is known.

Small classifiers are trained on handwritten digits: with a mark that gives the class away, without one, and with random
labels. The product's own model process, measures and rule audit each. They see only pictures, labels and boxes. It
needs the extra `selftest`, and no server, no network and no files outside the installed packages.
"""
