"""What people enter to keep something, checked."""

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from dashboard_app.asking import check_names, make_question
from dashboard_app.models import SQL, Annotation, ApiToken, Dashboard, SavedReport
from dashboard_app.question.errors import FilterError
from dashboard_app.registry import report_named
from dashboard_app.sql.statement import MAX_CHARACTERS

EXPIRIES: Final = {"": "never", "1": "in a day", "7": "in a week", "30": "in 30 days", "365": "in a year"}


class SavedReportForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """A report that exists, with a query that it understands."""

    class Meta:
        model = SavedReport
        fields = ["name", "report", "query"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        report, query = cleaned.get("report"), QueryDict(cleaned.get("query") or "")
        if report == SQL:
            _check_sql(query.get("sql", ""))
        elif report is not None:
            _check_query(report, query)
        return cleaned


def _check_sql(sql: str) -> None:
    if not sql.strip():
        raise ValidationError("The query is empty. Write one first.")
    if len(sql) > MAX_CHARACTERS:
        raise ValidationError(f"The query has more than {MAX_CHARACTERS:,} characters. Shorten it.")


def _check_query(report: str, query: QueryDict) -> None:
    try:
        check_names(report_named(report), query)
        make_question(report_named(report), query, timezone.now())
    except KeyError:
        raise ValidationError(f"There is no report “{report}”.") from None
    except FilterError as error:
        raise ValidationError(str(error)) from None


class DashboardForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    class Meta:
        model = Dashboard
        fields = ["name"]


class RenameForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """A new name for a saved report, that no other of its owner's has: saving under a name replaces one's own of it."""

    class Meta:
        model = SavedReport
        fields = ["name"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        report = self.instance
        others = SavedReport.objects.filter(saved_by=report.saved_by, report=report.report, name=name)
        if others.exclude(pk=report.pk).exists():
            raise ValidationError(f"There is another one “{name}”. Choose another name.")
        return name


class CardForm(forms.Form):
    """Which saved report a card shows."""

    report = forms.ModelChoiceField(SavedReport.objects.all())


class AnnotationForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    """The time is in the project's timezone."""

    class Meta:
        model = Annotation
        fields = ["at", "text", "source"]


class ApiTokenForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no argument at run time
    class Meta:
        model = ApiToken
        fields = ["name"]


class ShareForm(forms.Form):
    """When the link stops to open."""

    expires = forms.ChoiceField(choices=list(EXPIRIES.items()), required=False)

    def expires_on(self, now: datetime) -> datetime | None:
        """The moment that was chosen, None for never. Only after `is_valid`."""
        days = self.cleaned_data["expires"]
        return now + timedelta(days=int(days)) if days else None
