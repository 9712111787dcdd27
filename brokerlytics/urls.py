"""Every path of the product."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from brokerlytics.health import livez, readyz
from brokerlytics.sign_in import SignInView

# The pages of the admin need nearly all of the product: processes that serve none of them are without.
admin.autodiscover()
admin.site.site_header = admin.site.site_title = "Brokerlytics"

urlpatterns = [
    re_path(r"^livez/?$", livez, name="livez"),
    re_path(r"^readyz/?$", readyz, name="readyz"),
    re_path(r"^sign-in/?$", SignInView.as_view(), name="sign-in"),
    # Pages that are not ours, the admin's and the API's, name no icon: browsers ask for this one.
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}dashboard_app/icon.svg")),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("analytics_app.urls")),
    path("", include("analytics_app.sdk_urls")),
    path("", include("dashboard_app.urls")),
]

handler400 = "brokerlytics.problems.bad_request"
handler404 = "brokerlytics.problems.not_found"
handler500 = "brokerlytics.problems.server_error"
