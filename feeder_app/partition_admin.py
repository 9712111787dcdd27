"""The admin's page of partitions: what each has stored, how far behind it is, and who writes it."""

from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from brokerlytics.health import OK, check_feeder
from brokerlytics.partition_overview import feeders_of, partition_rows
from brokerlytics.read_only_admin import ReadOnlyAdmin
from feeder_app.models import Partition

_TEMPLATE: Final = "admin/feeder_app/partition/change_list.html"


@admin.register(Partition)
class PartitionAdmin(ReadOnlyAdmin):
    """One page, to be looked at."""

    def get_urls(self) -> list[URLPattern]:
        return [path("", self.admin_site.admin_view(self.page), name="feeder_app_partition_changelist")]

    def page(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        root, topic = settings.STORE_DIR, settings.KAFKA_TOPIC
        feeders = feeders_of(root, topic, datetime.now(UTC))
        state = check_feeder()
        page = {
            "title": "Partitions",
            "subtitle": topic,
            "opts": self.opts,
            "rows": partition_rows(root, topic, feeders),
            "feeders": feeders,
            "problem": "" if state == OK else state,
            "time_zone": timezone.get_current_timezone_name(),
        }
        return TemplateResponse(request, _TEMPLATE, self.admin_site.each_context(request) | page)
