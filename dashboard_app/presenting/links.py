"""Addresses of the dashboard's pages, with their query. Pure."""

from urllib.parse import urlencode

from django.utils.datastructures import MultiValueDict

from dashboard_app.question.conditions import Condition, Operator

# What stands for the page as a whole and goes along from report to report.
SHARED: tuple[str, ...] = ("range", "from", "to", "interval", "compare", "source", "filter")


def page_url(name: str, query: MultiValueDict[str, str] | None = None) -> str:
    """The page of the report `name`; the overview is the front page."""
    return with_query("/" if name == "overview" else f"/{name}/", query or MultiValueDict())


def with_query(path: str, query: MultiValueDict[str, str]) -> str:
    """`path` and the query, without what is empty. Colons, slashes and commas stay readable."""
    pairs = [(name, value) for name, values in query.lists() for value in values if value]
    return f"{path}?{urlencode(pairs, safe=':/,')}" if pairs else path


def shared_query(query: MultiValueDict[str, str]) -> MultiValueDict[str, str]:
    """The part of the query that every report understands."""
    return MultiValueDict({name: query.getlist(name) for name in SHARED if query.getlist(name)})


def with_condition(query: MultiValueDict[str, str], column: str, value: str | None) -> MultiValueDict[str, str]:
    """The query with one more filter: the column is `value`, or unset for None."""
    condition = Condition(column, Operator.UNSET) if value is None else Condition(column, Operator.IS, value)
    filters = query.getlist("filter")
    return replaced(query, filter=[*filters, str(condition)] if str(condition) not in filters else filters)


def replaced(query: MultiValueDict[str, str], **values: list[str]) -> MultiValueDict[str, str]:
    """A copy of the query with other values of these parameters; an empty list removes one."""
    return MultiValueDict({**dict(query.lists()), **values})
