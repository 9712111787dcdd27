"""Numbers that stand for the texts of a column, so that what is counted by text is counted by number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dashboard_app.rollup.layout import Numbers
from dashboard_app.rollup.rolled import Rolled


class Texts:
    """Those of the index's table of values, and higher ones for other texts; 0 stands for none.

    Without an index, or for a `column` of which it has no values, all are other ones.
    """

    def __init__(self, rolled: Rolled | None = None, column: str = "") -> None:
        self._rolled = rolled
        self._column = column
        self._above = rolled.highest_number if rolled else 0
        self._numbers: dict[str | None, int] = {None: 0}
        self._others: list[str] = []

    @property
    def limit(self) -> int:
        """Is above all numbers."""
        return self._above + len(self._others) + 1

    def numbers(self, texts: Sequence[str | None]) -> Numbers:
        """The number of each of the texts. Raises duckdb.Error."""
        unknown = [text for text in set(texts) if text is not None and text not in self._numbers]
        if unknown and self._rolled:
            self._numbers.update(self._rolled.numbers(self._column, sorted(unknown)))
        for text in unknown:
            if text not in self._numbers:
                self._others.append(text)
                self._numbers[text] = self._above + len(self._others)
        return np.fromiter((self._numbers[text] for text in texts), np.int64, len(texts))

    def texts(self, numbers: npt.NDArray[Any]) -> dict[int, str | None]:
        """The texts of these numbers. Raises duckdb.Error."""
        others = {number: self._others[number - self._above - 1] for number in numbers[numbers > self._above].tolist()}
        known = numbers[(numbers > 0) & (numbers <= self._above)]
        of_index = self._rolled.values(known) if self._rolled and len(known) else {}
        return {0: None, **of_index, **others}
