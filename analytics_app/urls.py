"""The API. Every path works with and without the slash at its end: a redirect would lose events."""

from collections.abc import Callable
from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from analytics_app.event_view import EventView
from analytics_app.simulation_view import SimulationView

# Pages of DRF and Swagger UI carry inline styles; their scripts are files.
_inline_styles = csp_update({"style-src": [SELF, UNSAFE_INLINE]})


def _both(route: str, view: Callable[..., Any], name: str) -> list[URLPattern]:
    return [path(route, view, name=name), path(f"{route}/", view)]


urlpatterns = [
    *_both("v1/events", _inline_styles(EventView.as_view()), "events"),
    *_both("v1/events/simulation", _inline_styles(SimulationView.as_view()), "simulation"),
    *_both("schema", SpectacularAPIView.as_view(), "schema"),
    *_both("docs", _inline_styles(SpectacularSwaggerSplitView.as_view(url_name="schema")), "docs"),
]
