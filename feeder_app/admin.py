"""The feeder's pages in the Django admin."""

from feeder_app.partition_admin import PartitionAdmin

__all__ = ["PartitionAdmin"]
