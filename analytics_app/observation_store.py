"""The tables of what became of events: IntakeCount has all of them in numbers, RecentEvent the newest in full."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Q, Window
from django.db.models.functions import RowNumber

from analytics_app.models import IntakeCount, RecentEvent, Source
from brokerlytics.intake_counts import ACCEPTED
from brokerlytics.masking import clean, decoded, event_type_of, excerpt, mask_text

# Of one source, accepted and rejected each.
KEPT: Final = 200

# The source, None where it is not known, and the code.
Outcome = tuple[int | None, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One event to be shown. `content`: its bytes, or what is left of its JSON; `seen`: seconds since 1970."""

    source_id: int | None
    seen: float
    code: str
    endpoint: str
    content: Any
    message: str = ""
    field: str = ""


@transaction.atomic
def write(counts: Mapping[Outcome, int], samples: Sequence[Sample], now: datetime) -> None:
    """Add to the counts of the day (UTC) of `now`, insert the samples, and drop those that are too many.

    What belongs to a source that was deleted meanwhile is left out. Raises django.db.Error, and then nothing
    was written.
    """
    named = {source_id for source_id, _ in counts if source_id is not None}
    known = {None, *Source.objects.filter(pk__in=named).values_list("pk", flat=True)}
    for (source_id, code), events in counts.items():
        if source_id in known:
            _add(source_id, now.astimezone(UTC).date(), clean(code, 50), events)
    rows = [_row(sample) for sample in samples if sample.source_id in known]
    if rows:
        RecentEvent.objects.bulk_create(rows)
        _trim({row.source_id for row in rows})


def _add(source_id: int | None, day: date, code: str, events: int) -> None:
    row = IntakeCount.objects.filter(Q(source=source_id), day=day, code=code)
    if not row.update(events=F("events") + events):
        # Should another process make the row at this moment, the whole flush fails and is done again.
        IntakeCount.objects.create(source_id=source_id, day=day, code=code, events=events)


def _row(sample: Sample) -> RecentEvent:
    content = decoded(sample.content)
    return RecentEvent(
        source_id=sample.source_id,
        seen_on=datetime.fromtimestamp(sample.seen, UTC),
        code=clean(sample.code, 50),
        endpoint=clean(sample.endpoint, 50),
        event_type=clean(mask_text(event_type_of(content)), 200),
        field=clean(sample.field, 100),
        message=clean(mask_text(sample.message[:1000]), 500),
        excerpt=excerpt(content),
    )


def _trim(sources: Collection[int | None]) -> None:
    of_sources = Q(source__in=[source_id for source_id in sources if source_id is not None])
    if None in sources:
        of_sources |= Q(source=None)
    is_accepted = ExpressionWrapper(Q(code=ACCEPTED), output_field=BooleanField())
    newest_first = Window(RowNumber(), partition_by=[F("source_id"), is_accepted], order_by=F("pk").desc())
    ranked = RecentEvent.objects.filter(of_sources).annotate(rank=newest_first).order_by()
    surplus = list(ranked.filter(rank__gt=KEPT).values_list("pk", flat=True))
    if surplus:
        RecentEvent.objects.filter(pk__in=surplus).delete()
