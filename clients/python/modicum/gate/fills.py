"""The fills: the client's one list, for searches, options and the gate. The server and the library have their own."""

from enum import StrEnum


class Fill(StrEnum):
    """What replaces a masked pixel."""

    MEAN = "mean"
    BLACK = "black"
    WHITE = "white"
    NOISE = "noise"
    BLUR = "blur"
    MARGINAL = "marginal"
