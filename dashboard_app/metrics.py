"""Every measure, each with one definition, as SQL over rows of `events`. docs/metrics.md says the same in prose."""

from typing import Final

EVENTS: Final = "count(*)"
UNIQUE_DEVICES: Final = "count(DISTINCT device_id)"
PERSONS: Final = "count(DISTINCT person)"
SESSIONS: Final = "count(DISTINCT session)"
# Always with `currency` among the groups: currencies are never added together.
REVENUE: Final = "sum(revenue)"
# Also with `currency`. Refunds, which are below zero, lower the revenue and are no payments.
PAYMENTS: Final = "count(*) FILTER (revenue > 0)"
PAYING_PERSONS: Final = "count(DISTINCT person) FILTER (revenue > 0)"
# A session is a bounce with so many acts at most: events besides those that only say that a session begins or ends.
BOUNCE_ACTS: Final = 1
# Of a numeric column or property; rows without a number do not count. Percentiles are interpolated.
NUMERIC: Final = {
    "sum": "sum({number})",
    "average": "avg({number})",
    "minimum": "min({number})",
    "maximum": "max({number})",
    "median": "quantile_cont({number}::DOUBLE, 0.5)",
    "p90": "quantile_cont({number}::DOUBLE, 0.9)",
    "p95": "quantile_cont({number}::DOUBLE, 0.95)",
    "p99": "quantile_cont({number}::DOUBLE, 0.99)",
}
