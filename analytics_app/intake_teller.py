"""Tells the rest of the product what became of the events that were sent: see brokerlytics.intake_counts."""

from datetime import date

from django.db.models import Sum

from analytics_app.models import IntakeCount as Stored
from brokerlytics.intake_counts import IntakeCount


def stored_counts(first: date, last: date) -> list[IntakeCount]:
    """The counts of these days over all sources. Raises django.db.Error."""
    rows = Stored.objects.filter(day__range=(first, last)).order_by().values("day", "code").annotate(sum=Sum("events"))
    return [IntakeCount(row["day"], row["code"], row["sum"]) for row in rows]
