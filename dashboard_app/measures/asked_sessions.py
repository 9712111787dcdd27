"""What is asked of sessions: the column that they are broken down by, and how many of their pages are told apart."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dashboard_app.index.facts import FIRST_VALUES, PATH_PAGES
from dashboard_app.measures.texts import Texts
from dashboard_app.rollup.rolled import Rolled

EXIT: Final = "exit_page"
_ALWAYS: Final = ("first_on", "last_on", "events", "acts", EXIT)


class AskedSessions:
    """The column `by`, the names of so many `pages`, and the numbers that stand for the texts of both.

    `columns` are all that have to be known of a session. `are_kept` says whether they are kept with spans.
    """

    def __init__(self, rolled: Rolled | None, by: str, page_count: int) -> None:
        self.by = by
        self.pages = tuple(f"page_{number}" for number in range(1, page_count + 1))
        self.columns = (*_ALWAYS, *self.pages, by)
        self.are_kept = by in FIRST_VALUES and page_count <= PATH_PAGES
        index = rolled if self.are_kept else None
        self.page_texts = Texts(index, "page_path")
        self.by_texts = Texts(index, by)
        self._texts = {**dict.fromkeys((EXIT, *self.pages), self.page_texts), by: self.by_texts}

    def numbered(self, name: str, column: Any) -> npt.NDArray[Any]:
        """A column of a result, as DuckDB's fetchnumpy gives it; of texts, their numbers. Raises duckdb.Error."""
        texts = self._texts.get(name)
        return texts.numbers(column.tolist()) if texts else np.asarray(column)
