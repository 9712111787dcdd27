"""What the admin shows of what is kept."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dashboard_app.models import Annotation, ApiToken, Dashboard, SavedReport, ShareLink

ADMIN = "/admin/dashboard_app"


@pytest.fixture
def admin(admin_client: Client, report: SavedReport, reader_user: User) -> Client:
    Dashboard.objects.create(name="Monday", owner=reader_user)
    Annotation.objects.create(at=timezone.now(), text="Release")
    ApiToken.issue(reader_user.pk, "Nightly")
    ShareLink.issue(report, reader_user.pk, None)
    return admin_client


@pytest.mark.parametrize("model", ["savedreport", "dashboard", "annotation", "apitoken", "sharelink"])
def test_every_model_is_listed_and_opens(admin: Client, model: str) -> None:
    page = admin.get(f"{ADMIN}/{model}/")
    assert page.status_code == 200
    (one,) = page.context["cl"].queryset
    assert admin.get(f"{ADMIN}/{model}/{one.pk}/change/").status_code == 200


@pytest.mark.parametrize("model", [ApiToken, ShareLink])
def test_secrets_are_revoked_and_never_made(admin: Client, model: type[ApiToken] | type[ShareLink]) -> None:
    name = model._meta.model_name
    assert admin.get(f"{ADMIN}/{name}/add/").status_code == 403
    one = model.objects.get()
    assert one.token_digest not in admin.get(f"{ADMIN}/{name}/{one.pk}/change/").content.decode()
    admin.post(f"{ADMIN}/{name}/", {"action": "revoke", "_selected_action": [one.pk]})
    assert model.objects.get().revoked_on is not None


@pytest.mark.usefixtures("store")
def test_who_changes_what_a_report_shows_answers_for_it(admin: Client, report: SavedReport, reader_user: User) -> None:
    path = f"{ADMIN}/savedreport/{report.pk}/change/"
    form = {"name": "Renamed", "report": "overview", "query": "range=7d"}
    admin.post(path, form)
    report.refresh_from_db()
    assert (report.name, report.saved_by) == ("Renamed", reader_user)
    admin.post(path, {**form, "report": "sql", "query": "sql=SELECT+1"})
    report.refresh_from_db()
    assert report.saved_by == User.objects.get(username="admin")
    page = admin.post(path, {**form, "query": "range=1y"})
    assert "The range “1y” is not known" in page.content.decode()
