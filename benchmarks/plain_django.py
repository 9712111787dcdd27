"""A peer: a plain Django view, as one would write it first, in front of the product's own producer.

It knows the event contract, but no write keys, and finds out nothing about an event. granian serves `application`.
"""

import json
import os
from uuid import uuid4

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from analytics_app.deliveries import Delivery
from analytics_app.producer import shared_producer
from brokerlytics.event import InvalidEventError
from brokerlytics.event_codec import build_event, encode_event

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]


@csrf_exempt
def take_events(request: HttpRequest) -> JsonResponse:
    """One event or a list of them: 202 when the broker has them all."""
    try:
        said = json.loads(request.body)
        fields = said if isinstance(said, list) else [said]
        now = timezone.now()
        events = [build_event(one, event_id=str(uuid4()), received_on=now) for one in fields]
        messages = [(event.key, encode_event(event)) for event in events]
    except (ValueError, InvalidEventError) as error:
        return JsonResponse({"message": str(error)}, status=400)
    deliveries = shared_producer.get().produce(messages)
    if set(deliveries) != {Delivery.ACKNOWLEDGED}:
        return JsonResponse({"message": "The broker does not answer."}, status=503)
    return JsonResponse({"accepted": len(messages)}, status=202)


urlpatterns = [path("api/v1/events", take_events)]
application = get_wsgi_application()
