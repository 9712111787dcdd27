"""What people keep of the dashboard: saved reports, dashboards of them, links to share, annotations, API tokens."""

from datetime import datetime
from typing import Any, Final, Self

from django.conf import settings
from django.core.validators import ProhibitNullCharactersValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from dashboard_app.secret_tokens import digest, new_token

RUN_SQL: Final = "dashboard_app.run_sql"
# As what a query of the SQL page is saved; no report has this name.
SQL: Final = "sql"
_NAME_LENGTH: Final = 100
_NO_NULL: Final = [ProhibitNullCharactersValidator()]


class SavedReport(models.Model):
    """A report with everything that its address says: `query` is the query string without the question mark.

    All readers of the dashboard see it. `saved_by` is who chose what it shows.
    """

    name = models.CharField(max_length=_NAME_LENGTH, validators=_NO_NULL)
    report = models.CharField(max_length=50, help_text="The report's name, such as funnel.")
    query = models.TextField(blank=True, max_length=80_000, validators=_NO_NULL)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+")
    created_on = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        permissions = [("run_sql", "Can run SQL over the store")]

    def __str__(self) -> str:
        return self.name


class Dashboard(models.Model):
    """Saved reports on one page, in an order of their own. All readers see it; its owner and staff change it."""

    name = models.CharField(max_length=_NAME_LENGTH, validators=_NO_NULL)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+")
    created_on = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name


class DashboardCard(models.Model):
    """One saved report on a dashboard."""

    dashboard = models.ForeignKey(Dashboard, models.CASCADE, related_name="cards")
    report = models.ForeignKey(SavedReport, models.CASCADE, related_name="cards")
    position = models.PositiveIntegerField(default=0, help_text="Cards stand in the order of this number.")

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["dashboard", "report"], name="one_card_of_a_report")]

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.report}"


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def live(self, now: datetime) -> Self:
        """Links that open: not revoked, not expired, and made by someone who may still sign in."""
        unexpired = Q(expires_on=None) | Q(expires_on__gt=now)
        return self.filter(unexpired, revoked_on=None, created_by__is_active=True)

    def opened_by(self, token: str, now: datetime) -> "ShareLink | None":
        """The live link of this token."""
        found = self.live(now).select_related("report__saved_by", "dashboard", "created_by")
        return found.filter(token_digest=digest(token)).first()


class ShareLink(models.Model):
    """Whoever has its address sees one saved report or dashboard, read-only, without signing in."""

    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    report = models.ForeignKey(SavedReport, models.CASCADE, null=True, blank=True, related_name="share_links")
    dashboard = models.ForeignKey(Dashboard, models.CASCADE, null=True, blank=True, related_name="share_links")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, editable=False, related_name="+")
    created_on = models.DateTimeField(default=timezone.now, editable=False)
    expires_on = models.DateTimeField(null=True, blank=True, help_text="Empty: it opens until it is revoked.")
    revoked_on = models.DateTimeField(null=True, editable=False)

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        ordering = ["-created_on"]
        constraints = [
            models.CheckConstraint(
                condition=Q(report=None, dashboard__isnull=False) | Q(report__isnull=False, dashboard=None),
                name="a_link_shows_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"Link to {self.report or self.dashboard}"

    @classmethod
    def issue(cls, target: SavedReport | Dashboard, by: int, expires_on: datetime | None) -> str:
        """Make a link in the name of the user `by` (a primary key), and return its token, which is kept nowhere."""
        token = new_token("share")
        column = "report" if isinstance(target, SavedReport) else "dashboard"
        chosen: dict[str, Any] = {column: target, "created_by_id": by, "expires_on": expires_on}
        cls.objects.create(token_digest=digest(token), **chosen)
        return token


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def within(self, start: datetime, end: datetime, source: str | None) -> Self:
        """Those of [start, end) that concern a chart of `source`; None for a chart of all sources."""
        found = self.filter(at__gte=start, at__lt=end)
        return found if source is None else found.filter(source__in=["", source])


class Annotation(models.Model):
    """What happened at a time, such as a release: every time series marks it."""

    at = models.DateTimeField(db_index=True)
    text = models.CharField(max_length=200, validators=_NO_NULL)
    source = models.CharField(
        max_length=_NAME_LENGTH, blank=True, help_text="The source it concerns. Empty: all of them."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return self.text


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def live(self) -> Self:
        """Tokens that count: not revoked, and of a user who may sign in."""
        return self.filter(revoked_on=None, user__is_active=True)

    def touch(self, pk: int, now: datetime, until: datetime) -> None:
        """Note that the token was used at `now`, unless a use after `until` is noted already."""
        self.filter(Q(last_used_on=None) | Q(last_used_on__lt=until), pk=pk).update(last_used_on=now)


class ApiToken(models.Model):
    """Lets a program read `/api/v1/stats/` as its user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, editable=False, related_name="+")
    name = models.CharField(max_length=_NAME_LENGTH, validators=_NO_NULL, help_text="Where the token is used.")
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=20, editable=False, help_text="How the token begins.")
    created_on = models.DateTimeField(default=timezone.now, editable=False)
    last_used_on = models.DateTimeField(null=True, editable=False)
    revoked_on = models.DateTimeField(null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = [F("revoked_on").asc(nulls_first=True), "-created_on"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, user: int, name: str) -> str:
        """Make a token for the user with this primary key, and return it; it is kept nowhere."""
        token = new_token("stats")
        cls.objects.create(user_id=user, name=name, token_digest=digest(token), hint=token[:12])
        return token
