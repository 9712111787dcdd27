"""What stands beside the editor: the columns of `events`, and queries to begin with."""

from typing import Final

from brokerlytics.csv_format import COLUMNS
from dashboard_app.reading.csv_relation import TYPES

# (column, DuckDB's type), in the order of the CSV; the two last are the dashboard's own.
COLUMN_REFERENCE: Final = (
    *((name, TYPES.get(name, "VARCHAR")) for name in COLUMNS),
    ("person", "INTEGER"),
    ("session", "BIGINT"),
)
EXAMPLES: Final = (
    (
        "Events and people by day",
        """SELECT date_trunc('day', created_on)::DATE AS day,
       count(*) AS events,
       count(DISTINCT person) AS people
FROM events
WHERE created_on >= now()::TIMESTAMP - INTERVAL 30 DAY
GROUP BY day
ORDER BY day""",
    ),
    (
        "The commonest pages",
        """SELECT page_path, count(*) AS views
FROM events
WHERE created_on >= now()::TIMESTAMP - INTERVAL 7 DAY
  AND page_path IS NOT NULL
GROUP BY page_path
ORDER BY views DESC
LIMIT 20""",
    ),
    (
        "Revenue by month and currency",
        """SELECT strftime(created_on, '%Y-%m') AS month,
       currency,
       sum(revenue) AS revenue
FROM events
WHERE revenue IS NOT NULL
GROUP BY ALL
ORDER BY ALL""",
    ),
    (
        "Values of a property",
        """SELECT properties ->> '$.plan' AS plan, count(*) AS events
FROM events
WHERE created_on >= now()::TIMESTAMP - INTERVAL 30 DAY
GROUP BY plan
ORDER BY events DESC
LIMIT 20""",
    ),
    (
        "Hours of the day, in Berlin",
        """SELECT extract(hour FROM created_on AT TIME ZONE 'UTC'
               AT TIME ZONE 'Europe/Berlin') AS hour,
       count(*) AS events
FROM events
WHERE created_on >= now()::TIMESTAMP - INTERVAL 7 DAY
GROUP BY hour
ORDER BY hour""",
    ),
)
