"""A clock that stands still until a test moves it."""


class Clock:
    """Stands in for `time.monotonic`."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds
