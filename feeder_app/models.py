"""What the admin lists of the feeder. None of it is in the database: the store's files are what there is."""

from django.db import models


class Partition(models.Model):
    """Gives the admin's page of partitions its name and its permission; it has no table and no rows."""

    class Meta:
        managed = False
        default_permissions = ("view",)

    def __str__(self) -> str:
        return "Partition"


class DeadLetter(models.Model):
    """Gives the admin's page of dead letters its name and its permissions; it has no table and no rows."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = [
            ("requeue_deadletter", "Can send dead letters again"),
            ("drop_deadletter", "Can mark dead letters as dealt with"),
        ]

    def __str__(self) -> str:
        return "Dead letter"
