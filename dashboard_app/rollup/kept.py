"""What was counted from the rollups, until the index changes: a page is asked for again and again, and rows come."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

ResultT = TypeVar("ResultT")

_MOST_BYTES: Final = 64 * 1024**2


class Kept:
    """Results by what they are of, up to so many bytes; what was not asked for the longest goes first.

    One that takes more than half of them is not kept.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._results: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], ResultT], size: Callable[[ResultT], int]) -> ResultT:
        """The result of `make`, which takes `size` bytes and must not be changed."""
        if key in self._results:
            self._results.move_to_end(key)
            found: ResultT = self._results[key][0]
            return found
        made = make()
        if (taken := size(made)) <= self._most // 2:
            self._results[key] = made, taken
            self._bytes += taken
        while self._bytes > self._most:
            _, (_, freed) = self._results.popitem(last=False)
            self._bytes -= freed
        return made
