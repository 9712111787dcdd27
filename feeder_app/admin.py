"""The feeder's pages in the Django admin."""

from feeder_app.dead_letter_admin import DeadLetterAdmin
from feeder_app.partition_admin import PartitionAdmin

__all__ = ["DeadLetterAdmin", "PartitionAdmin"]
