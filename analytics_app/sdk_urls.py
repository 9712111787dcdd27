"""The paths of the SDKs, at the root of the server, with and without a slash at their end."""

from django.urls import path, re_path

from analytics_app.endpoints import ENDPOINTS, NATIVE
from analytics_app.sdk_views import posthog_flags, sdk_view, segment_settings, source_config

urlpatterns = [
    *(path(route[1:], sdk_view) for route, endpoint in ENDPOINTS.items() if endpoint is not NATIVE),
    re_path(r"^sourceConfig/?$", source_config),
    re_path(r"^v1/projects/(?P<write_key>\w+)/settings/?$", segment_settings),
    re_path(r"^(?:decide|flags)/?$", posthog_flags),
]
