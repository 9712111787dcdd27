"""The live debugger of a source: its newest events, accepted and rejected, and what to do about the latter."""

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone

from analytics_app.codes import CODES
from analytics_app.models import IntakeCount, RecentEvent, Source
from analytics_app.observation_store import KEPT
from brokerlytics.intake_counts import ACCEPTED

ROWS: Final = 100
DAYS: Final = 7
SHOWN: Final = {"all": "All", "accepted": "Accepted", "rejected": "Rejected"}
_TEMPLATES: Final = "admin/analytics_app/source"
_ACCEPTED_MEANING: Final = "The broker has acknowledged the event."
_LARGEST_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How many events had one outcome today and in the last days, and what the outcome means."""

    code: str
    accepted: bool
    meaning: str
    today: int
    total: int


def debugger_page(request: HttpRequest, source: Source | None, context: dict[str, Any]) -> HttpResponse:
    """The page. `source`: None for requests of which no source is known; `context`: of the admin."""
    show = _show(request)
    events = list(newest_events(source, show)[:ROWS])
    page = {
        "source": source,
        "title": "Debugger",
        "subtitle": source.name if source else "No source known",
        "show": show,
        "choices": SHOWN,
        "events": events,
        "last": events[0].pk if events else 0,
        "counts": code_counts(source, _today()),
        "days": DAYS,
        "rows": ROWS,
        "kept": KEPT,
        "time_zone": timezone.get_current_timezone_name(),
    }
    return TemplateResponse(request, f"{_TEMPLATES}/debugger.html", context | page)


def debugger_news(request: HttpRequest, source: Source | None) -> JsonResponse:
    """What is newer than the event `?after=`: `events` in short, and `rows` and `counts` as HTML for the page.

    `last` is to be asked with next. Without a valid `after` it begins with the oldest event.
    """
    after = request.GET.get("after", "")
    number = int(after) if after.isdecimal() and after.isascii() and len(after) < 20 else 0
    events = list(newest_events(source, _show(request)).filter(pk__gt=min(number, _LARGEST_ID))[:ROWS])
    news = {
        "last": events[0].pk if events else number,
        "events": [{"event_type": event.event_type, "code": event.code, "seen_on": event.seen_on} for event in events],
        "rows": render_to_string(f"{_TEMPLATES}/_event_rows.html", {"events": events}),
        "counts": render_to_string(
            f"{_TEMPLATES}/_code_counts.html", {"counts": code_counts(source, _today()), "days": DAYS}
        ),
    }
    return JsonResponse(news, headers={"Cache-Control": "no-store"})


def newest_events(source: Source | None, show: str) -> QuerySet[RecentEvent]:
    """The newest first; `show` is one of SHOWN."""
    events = RecentEvent.objects.filter(Q(source=source))
    match show:
        case "accepted":
            return events.filter(code=ACCEPTED)
        case "rejected":
            return events.exclude(code=ACCEPTED)
        case _:
            return events


def code_counts(source: Source | None, today: date) -> list[CodeCount]:
    """The outcomes of the last DAYS days, accepted first, then the commonest."""
    days = IntakeCount.objects.filter(Q(source=source), day__gt=today - timedelta(days=DAYS))
    of_today = Sum("events", filter=Q(day=today), default=0)
    rows = days.order_by().values("code").annotate(of_today=of_today, total=Sum("events"))
    counts = [
        CodeCount(row["code"], row["code"] == ACCEPTED, _meaning(row["code"]), row["of_today"], row["total"])
        for row in rows
    ]
    return sorted(counts, key=lambda count: (not count.accepted, -count.total, count.code))


def _meaning(code: str) -> str:
    return _ACCEPTED_MEANING if code == ACCEPTED else CODES.get(code, "")


def _show(request: HttpRequest) -> str:
    show = request.GET.get("show", "")
    return show if show in SHOWN else "all"


def _today() -> date:
    # Counts are kept by the day in UTC.
    return timezone.now().astimezone(UTC).date()
