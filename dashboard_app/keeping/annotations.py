"""The notes on a page's time axis."""

from dashboard_app.models import Annotation
from dashboard_app.question.filters import Filters
from dashboard_app.report import Annotation as Note


def annotations_within(filters: Filters) -> tuple[Note, ...]:
    """Those of the filters' range, without those that concern another source than the one that is filtered by."""
    found = Annotation.objects.within(filters.range.start, filters.range.end, filters.source or None)
    return tuple(Note(at, text) for at, text in found.values_list("at", "text"))
