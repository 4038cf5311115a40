"""`python -m modicum` runs the `modicum` command."""

from modicum.cli import main

if __name__ == "__main__":
    main()
