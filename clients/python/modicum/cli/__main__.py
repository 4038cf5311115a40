"""`python -m modicum.cli`: the command where its script is not on the path."""

from modicum.cli import main

main()
