"""The base of commands that have nothing to do with pages."""

from django.core.checks import Tags
from django.core.management.base import BaseCommand

from brokerlytics.checks import SETTINGS


class PlainCommand(BaseCommand):
    """Checks the settings before it runs, and no pages: these take longer to load than all else, and as much memory."""

    requires_system_checks = [SETTINGS, Tags.compatibility]
