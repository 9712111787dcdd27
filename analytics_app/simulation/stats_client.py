"""Asks a server's stats API, as somebody who may see its dashboard."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore

_TIMEOUT: Final = httpx.Timeout(120.0)
_MOST_WAITS: Final = 30


class StatsError(Exception):
    """The stats API gives no numbers; the message is one line that says why."""


Rows = list[list[Any]]


class StatsClient:
    """`client` is signed in at the server."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def table(self, report: str, table: str, **query: str | list[str]) -> Rows:
        """The rows of one table. Raises StatsError."""
        for _ in range(_MOST_WAITS):
            try:
                answer = self._client.get(f"/api/v1/stats/{report}", params={"table": table, **query})
            except httpx.TransportError as error:
                raise StatsError(f"{self._client.base_url} does not answer: {error}") from None
            if answer.status_code not in (429, 503):
                break
            time.sleep(int(answer.headers.get("Retry-After", "2")))
        if answer.status_code != 200:
            raise StatsError(f"{answer.url} answers {answer.status_code}: {_message(answer)}")
        rows: Rows = answer.json()["tables"][0]["rows"]
        return rows


@contextmanager
def open_stats(url: str) -> Iterator[StatsClient]:
    """A client for the server at `url`, whose database is this one's: signed in as its first superuser for the time.

    Raises StatsError.
    """
    user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if user is None:
        raise StatsError("There is no admin user who could look at the dashboard: run `python manage.py bootstrap`.")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    cookies = {settings.SESSION_COOKIE_NAME: str(session.session_key)}
    try:
        with httpx.Client(base_url=url, cookies=cookies, timeout=_TIMEOUT, trust_env=False) as client:
            yield StatsClient(client)
    finally:
        session.delete()


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("message", answer.reason_phrase))
    except (ValueError, AttributeError):
        return answer.reason_phrase
