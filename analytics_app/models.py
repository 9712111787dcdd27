"""Who may send events, and the simulations that were started over the API."""

import secrets
from datetime import datetime
from typing import Self

from django.core.validators import ProhibitNullCharactersValidator
from django.db import models
from django.utils import timezone

_NAME_LENGTH = 100


def new_write_key() -> str:
    """A key that nobody can guess: 128 bits."""
    return f"wk_{secrets.token_hex(16)}"


class SourceQuerySet(models.QuerySet["Source"]):
    def enabled(self) -> Self:
        return self.filter(enabled=True)


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


class SimulationRun(models.Model):
    """A simulation that the API started. One runs at a time, whichever web worker it runs in."""

    class Status(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        STOPPED = "stopped"
        FAILED = "failed"

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    stop_requested = models.BooleanField(default=False)
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
