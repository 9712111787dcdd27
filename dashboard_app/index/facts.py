"""What is kept of each span beside its time, so that whole spans need not be counted from their rows."""

from typing import Final

from brokerlytics.event import END_SESSION, START_SESSION
from dashboard_app.reading.row_order import ROW_ORDER

# As many pages of a span are kept, in order, one after another that is the same counted once. `page_1` is the entry.
PATH_PAGES: Final = 3
# The columns whose first value in a span is kept.
FIRST_VALUES: Final = ("platform",)
PAGES: Final = tuple(f"page_{number}" for number in range(1, PATH_PAGES + 1))
# Each with its type: those that the index has in its table of spans, and those that it has as numbers.
SPAN_FACTS: Final = {"events": "INTEGER", "has_user": "BOOLEAN", "has_device": "BOOLEAN"}
FACT_COLUMNS: Final = {
    **SPAN_FACTS,
    "acts": "INTEGER",
    **dict.fromkeys((*PAGES, "exit_page", *FIRST_VALUES), "VARCHAR"),
}
_FIRST_VALUES: Final = "".join(f", arg_min({name}, {ROW_ORDER}) AS {name}" for name in FIRST_VALUES)
# Of the spans of one day that are new, from their rows in `recent`.
FACTS: Final = f"""
SELECT span, events, has_user, has_device, acts,
       {", ".join(f"pages[{number}] AS {name}" for number, name in enumerate(PAGES, 1))},
       exit_page{"".join(f", {name}" for name in FIRST_VALUES)}
FROM (
    SELECT span, count(*)::INTEGER AS events,
           count(*) FILTER (event_type NOT IN ('{START_SESSION}', '{END_SESSION}'))::INTEGER AS acts,
           count(user_id) > 0 AS has_user, count(device_id) > 0 AS has_device{_FIRST_VALUES}
    FROM recent WHERE day = $day AND span > (SELECT last_span FROM known) GROUP BY span
) LEFT JOIN (
    SELECT span, arg_min(page_path, place, {PATH_PAGES}) FILTER (page_path IS DISTINCT FROM page_before) AS pages,
           arg_max(page_path, place) AS exit_page
    FROM (
        SELECT span, page_path, place, lag(page_path) OVER (PARTITION BY span ORDER BY place) AS page_before
        FROM (SELECT span, page_path, {ROW_ORDER} AS place FROM recent
              WHERE day = $day AND span > (SELECT last_span FROM known) AND page_path IS NOT NULL)
    ) GROUP BY span
) USING (span)"""  # noqa: S608
