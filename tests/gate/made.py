"""Documents that are made when a test first asks for them: each process of `make test` reads all modules."""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Made(Mapping[str, Value], Generic[Value]):
    """What functions make, by title. Each is called once, when its value is first wanted."""

    def __init__(self, makers: Mapping[str, Callable[[], Value]]) -> None:
        self._makers = makers
        self._made: dict[str, Value] = {}

    def __getitem__(self, title: str) -> Value:
        if title not in self._made:
            self._made[title] = self._makers[title]()
        return self._made[title]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
