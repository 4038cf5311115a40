"""A number with its noun, as every message, page and report writes it. Must not decide what is counted."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 image, 2 images, 1,204 images."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
