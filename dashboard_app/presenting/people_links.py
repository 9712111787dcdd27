"""Addresses of a person's page, and of the pages of a long list. Pure."""

from django.utils.datastructures import MultiValueDict

from dashboard_app.measures.identities import Identity
from dashboard_app.presenting.links import page_url, replaced, shared_query, with_query
from dashboard_app.question.errors import FilterError
from dashboard_app.report import Context

_MOST_PAGES = 10_000


def person_url(identity: Identity, context: Context) -> str:
    """The person's page, with the range and the filters of this one."""
    return who_url(identity.label, context, is_user=identity.user_id is not None)


def who_url(who: str, context: Context, *, is_user: bool) -> str:
    """The same for the id of a user or a device."""
    return page_url("users", replaced(shared_query(context.query), **{"user" if is_user else "device": [who]}))


def parse_page(query: MultiValueDict[str, str]) -> int:
    """The page of a long list, from 1. Raises FilterError."""
    text = query.get("page") or "1"
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= _MOST_PAGES and len(text) <= 6):
        raise FilterError(f"“{text}” is no page. Give a number from 1 to {_MOST_PAGES:,}.", "page")
    return int(text)


def page_links(path: str, context: Context, page: int, *, has_more: bool) -> dict[str, str]:
    """The pages before and after this one, empty where there is none."""

    def link(number: int) -> str:
        return with_query(path, replaced(context.query, page=[str(number)] if number > 1 else []))

    return {"newer": link(page - 1) if page > 1 else "", "older": link(page + 1) if has_more else ""}
