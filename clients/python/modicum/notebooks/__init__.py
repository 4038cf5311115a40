"""How results, findings, audits and verdicts look in a notebook: HTML without scripts and without files of its own.

Computes nothing. Every text of a server is escaped, and a card has a size that no result exceeds.
"""
