"""Who may send events, what became of them, and the simulations that were started over the API."""

import secrets
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db import models
from django.dispatch import Signal
from django.utils import timezone

_NAME_LENGTH = 100

# Sent after a queryset's update; post_save and post_delete tell the rest.
sources_changed = Signal()


def new_write_key() -> str:
    """A key that nobody can guess: 128 bits."""
    return f"wk_{secrets.token_hex(16)}"


def validate_origins(text: str) -> None:
    """Each line is an origin as browsers send it: scheme, host, and the port where it is not the usual one."""
    for line in text.split():
        parts = urlsplit(line)
        if parts.scheme not in ("http", "https") or not parts.netloc or line != f"{parts.scheme}://{parts.netloc}":
            raise ValidationError(f"{line} is not an origin such as https://shop.example.org.")


class SourceQuerySet(models.QuerySet["Source"]):
    def enabled(self) -> Self:
        return self.filter(enabled=True)

    def update(self, **values: Any) -> int:
        """As in Django, and tells it: Django sends no signal here."""
        updated = super().update(**values)
        sources_changed.send(Source)
        return updated


class Source(models.Model):
    """One place that events come from, such as a web site or a server.

    Its write key allows to send events and nothing else. It ships in web pages, so it is no secret:
    when it is abused, rotate it or disable the source.
    """

    name = models.CharField(
        max_length=_NAME_LENGTH,
        unique=True,
        validators=[ProhibitNullCharactersValidator()],
        help_text="Every event of this source carries the name.",
    )
    write_key = models.CharField(max_length=50, unique=True, default=new_write_key, editable=False)
    enabled = models.BooleanField(default=True, help_text="Events with the key of a disabled source are refused.")
    allowed_origins = models.TextField(
        blank=True,
        validators=[validate_origins],
        help_text="Web sites that may send with this key, one origin a line, such as https://shop.example.org. "
        "Empty: any web site.",
    )
    rate_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Events per second that are taken from this source; more are answered with 429. "
        "Empty: the server's RATE_LIMIT.",
    )
    created_on = models.DateTimeField(default=timezone.now, editable=False)
    rotated_on = models.DateTimeField(null=True, editable=False)

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def rotate(self, now: datetime) -> None:
        """Replace the write key; the old one is refused from then on."""
        self.write_key = new_write_key()
        self.rotated_on = now
        self.save(update_fields=["write_key", "rotated_on"])


class IntakeCount(models.Model):
    """How many events of a source had one outcome on one day (UTC): `accepted`, or the code of a rejection.

    `source` is empty where no source is known, as for a write key that does not exist.
    """

    source = models.ForeignKey(Source, models.CASCADE, null=True, blank=True, related_name="intake_counts")
    day = models.DateField()
    code = models.CharField(max_length=50)
    events = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-day", "source", "code"]
        constraints = [
            models.UniqueConstraint(fields=["source", "day", "code"], name="one_count_a_day_and_code"),
            # NULLs are distinct in a unique constraint.
            models.UniqueConstraint(
                fields=["day", "code"], condition=models.Q(source=None), name="one_count_without_source"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source or '-'}, {self.day}, {self.code}: {self.events}"


class RecentEvent(models.Model):
    """One of the newest events of a source, accepted or rejected, for people who look for a missing one."""

    source = models.ForeignKey(Source, models.CASCADE, null=True, blank=True, related_name="recent_events")
    seen_on = models.DateTimeField(db_index=True)
    code = models.CharField(max_length=50, help_text="`accepted`, or why not.")
    endpoint = models.CharField(max_length=50, help_text="The path that it was sent to.")
    event_type = models.CharField(max_length=200, blank=True)
    field = models.CharField(max_length=100, blank=True)
    message = models.CharField(max_length=500, blank=True)
    excerpt = models.TextField(blank=True, help_text="The start of the event as JSON, ids masked.")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.event_type or '-'}: {self.code}"


class SimulationRun(models.Model):
    """A simulation that the API or the admin started. One runs at a time, whichever web worker it runs in."""

    class Status(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        STOPPED = "stopped"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    stop_requested = models.BooleanField(default=False)
    scenario = models.CharField(max_length=50, default="shop")
    rate = models.FloatField(help_text="Events per second.")
    duration = models.FloatField(help_text="Seconds.")
    seed = models.BigIntegerField()
    started_on = models.DateTimeField(default=timezone.now)
    heartbeat_on = models.DateTimeField(default=timezone.now)
    ended_on = models.DateTimeField(null=True)
    accepted = models.PositiveBigIntegerField(default=0)
    rejected = models.PositiveBigIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True, help_text="Why it failed.")

    class Meta:
        ordering = ["-started_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=models.Q(status="running"), name="one_running_simulation"
            )
        ]

    def __str__(self) -> str:
        return f"Simulation {self.pk}, {self.status}"
