"""The commonest paths of many sessions against plain Python."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_app.measures import paths
from dashboard_app.measures.paths import PathCount, count_paths, name_paths
from dashboard_app.measures.texts import Texts
from dashboard_app.measures.visits import Visits

PAGES = ["/", "/a", "/b", "/a/ä", "/z"]
WAYS = st.lists(st.sampled_from(PAGES), max_size=4)
# Some are there much more often than others.
COUNTS = st.sampled_from([1, 1, 1, 2, 3, 50])


def visits_of(ways: list[list[str]], texts: Texts, pages: int) -> list[Visits]:
    """Two pieces of them."""
    columns = [texts.numbers([way[at] if at < len(way) else None for way in ways]) for at in range(pages)]
    nothing: Any = np.zeros(0)
    return [
        Visits(nothing, nothing, nothing, nothing, nothing, nothing, tuple(column[piece] for column in columns))
        for piece in (slice(0, len(ways) // 2), slice(len(ways) // 2, None))
    ]


@settings(max_examples=150, deadline=None)
@given(
    ways=st.lists(st.tuples(WAYS, COUNTS), max_size=60),
    full_slots=st.integers(1, 30),
    pages=st.integers(1, 4),
    limit=st.sampled_from([6, 2**16, 2**30]),
)
def test_the_commonest_paths_are_found_however_full_the_slots_are(
    ways: list[tuple[list[str], int]], full_slots: int, pages: int, limit: int
) -> None:
    every = [way for way, count in ways for _ in range(count)]
    texts = Texts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "_FULL_SLOTS", full_slots)
        found = name_paths(count_paths(visits_of(every, texts, pages), limit), texts)
    expected = Counter(tuple(way[:pages]) for way in every if way)
    ranking = sorted(expected.items(), key=lambda path: (-path[1], path[0]))
    assert found == [PathCount(way, count) for way, count in ranking[: paths.TOP_PATHS]]
