"""A clock that stands still until a test moves it, and pauses that take no time."""


class Clock:
    """Stands in for `time.monotonic`."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds


class Pauses(list[float]):
    """Stands in for `asyncio.sleep`: notes the seconds of each pause and goes on at once."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
