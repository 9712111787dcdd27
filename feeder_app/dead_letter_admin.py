"""The admin's page of dead letters: what was no event and why, to be sent again or marked as dealt with."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaException
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from brokerlytics.checkpoint import CorruptCheckpointError
from brokerlytics.kafka import client_config
from brokerlytics.read_only_admin import ReadOnlyAdmin
from feeder_app.dead_letter_page import ROWS, Line, page_of, wanted_of
from feeder_app.dead_letters.inbox import LetterError, drop, find
from feeder_app.dead_letters.journal import LetterState
from feeder_app.dead_letters.requeue import Requeue
from feeder_app.models import DeadLetter
from feeder_app.topic_reader import TopicAwayError

logger = logging.getLogger(__name__)

_TEMPLATES: Final = "admin/feeder_app/deadletter"
_LIST: Final = "admin:feeder_app_deadletter_changelist"


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    """A list and a page for each; nothing is edited."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.letters), name="feeder_app_deadletter_changelist"),
            path("<int:partition>/<int:offset>/", view(self.letter), name="feeder_app_deadletter_detail"),
        ]

    def letters(self, request: HttpRequest) -> HttpResponse:
        """The list; a POST is one of the two actions, and leads back to it."""
        self._check_view(request)
        if request.method == "POST":
            with _told(request):
                self._act(request)
            return HttpResponseRedirect(request.get_full_path())
        page: dict[str, Any] = {"page": None}
        with _told(request):
            page["page"] = page_of(settings.STORE_DIR, settings.KAFKA_TOPIC, wanted_of(request.GET))
        page |= {"query": request.GET, "states": list(LetterState), "rows": ROWS}
        return self._answer(request, "change_list.html", page | {"title": "Dead letters"})

    def letter(self, request: HttpRequest, partition: int, offset: int) -> HttpResponse:
        self._check_view(request)
        try:
            (item,) = find(settings.STORE_DIR, settings.KAFKA_TOPIC, [f"{partition}:{offset}"])
        except (LetterError, CorruptCheckpointError, msgspec.MsgspecError) as error:
            raise Http404(str(error)) from error
        return self._answer(request, "detail.html", {"line": Line(item), "title": f"Dead letter {item.letter.place}"})

    def _act(self, request: HttpRequest) -> None:
        action = request.POST.get("action", "")
        places = request.POST.getlist("shown" if request.POST.get("all") else "place")[:ROWS]
        if action not in ("requeue", "drop") or not request.user.has_perm(f"feeder_app.{action}_deadletter"):
            raise PermissionDenied
        if not places:
            messages.warning(request, "Nothing was chosen.")
            return
        logger.info("User %s: %s of %d dead letters", request.user.pk, action, len(places))
        if action == "drop":
            count = drop(settings.STORE_DIR, settings.KAFKA_TOPIC, places, datetime.now(UTC))
            messages.success(request, f"{count} letters are marked as dropped.")
        else:
            _requeue(request, places)

    def _check_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _answer(self, request: HttpRequest, template: str, page: dict[str, Any]) -> HttpResponse:
        page |= {
            "opts": self.opts,
            "subtitle": settings.KAFKA_TOPIC,
            "list_url": reverse(_LIST),
            "time_zone": timezone.get_current_timezone_name(),
            "may_requeue": request.user.has_perm("feeder_app.requeue_deadletter"),
            "may_drop": request.user.has_perm("feeder_app.drop_deadletter"),
        }
        return TemplateResponse(request, f"{_TEMPLATES}/{template}", self.admin_site.each_context(request) | page)


def _requeue(request: HttpRequest, places: list[str]) -> None:
    requeue = Requeue(settings.STORE_DIR, settings.KAFKA_TOPIC, client_config(), lambda: datetime.now(UTC))
    outcome = requeue.run(places, {})
    if outcome.found:
        messages.info(request, f"{outcome.found} letters had been sent by a requeue that was interrupted.")
    messages.success(request, f"{outcome.sent} letters were sent again.")
    if outcome.failed:
        text = (
            f"{outcome.failed} letters were not acknowledged: {outcome.error} Requeue them again: none is sent twice."
        )
        messages.error(request, text)


@contextmanager
def _told(request: HttpRequest) -> Iterator[None]:
    """What can go wrong, told on the page."""
    try:
        yield
    except (LetterError, CorruptCheckpointError, TopicAwayError) as error:
        messages.error(request, str(error))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        messages.error(request, f"A line was not written by us: {error}. Run `manage.py verifystore`.")
    except KafkaException as error:
        messages.error(request, f"Kafka: {error.args[0].str()}")
    except OSError as error:
        messages.error(request, f"{error.filename}: {error.strerror}")
