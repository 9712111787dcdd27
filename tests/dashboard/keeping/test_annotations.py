"""Notes on the time axis."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from dashboard_app.models import Annotation
from tests.dashboard.keeping.conftest import client_of


@pytest.mark.usefixtures("rows")
def test_a_note_is_on_the_chart_and_in_its_table(reader_user: User) -> None:
    client = client_of(reader_user)
    at = timezone.now() - timedelta(hours=2)
    form = {"at": f"{at:%Y-%m-%dT%H:%M}", "text": "Release <2.0>", "source": "", "next": "/?range=24h"}
    assert client.post("/annotations/", form)["Location"] == "/?range=24h"
    page = client.get("/?range=24h")
    chart = page.context["charts"][0]
    (note,) = chart.payload["annotations"]
    assert note["text"] == "Release <2.0>"
    assert chart.rows[note["step"]][0] == f"{chart.payload['titles'][note['step']]} · Release <2.0>"
    assert f"{at:%H}:00" in chart.payload["titles"][note["step"]]
    assert "Release &lt;2.0&gt;" in page.content.decode()
    assert client.get("/?range=custom&from=2026-01-01&to=2026-01-02").context["charts"][0].payload["annotations"] == []


@pytest.mark.usefixtures("rows")
def test_a_note_of_a_source_is_on_the_charts_of_that_source(reader_user: User) -> None:
    now = timezone.now() - timedelta(minutes=90)
    for source in ("", "web", "ios"):
        Annotation.objects.create(at=now, text=f"of {source or 'all'}", source=source)
    client = client_of(reader_user)

    def texts(query: str) -> list[str]:
        return [note["text"] for note in client.get(query).context["charts"][0].payload["annotations"]]

    assert texts("/") == ["of all", "of web", "of ios"]
    assert texts("/?source=web") == ["of all", "of web"]


def test_a_time_is_of_the_projects_zone(reader_user: User, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    client_of(reader_user).post("/annotations/", {"at": "2026-07-01T12:00", "text": "Summer"})
    assert Annotation.objects.get().at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert "Wed 1 Jul 2026, 12:00" in client_of(reader_user).get("/annotations/").content.decode()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"at": "yesterday", "text": "x"}, "Enter a valid date/time"),
        ({"at": "2026-07-01T12:00", "text": ""}, "Text: This field is required"),
        ({"at": "2026-07-01T12:00", "text": "x" * 201}, "at most 200 characters"),
    ],
)
def test_a_wrong_note_is_told(reader_user: User, form: dict[str, str], message: str) -> None:
    assert message in client_of(reader_user).post("/annotations/", form, follow=True).content.decode()
    assert not Annotation.objects.exists()


def test_a_note_is_removed_by_its_writer_and_staff(reader_user: User, analyst: User, boss: User) -> None:
    for _ in range(2):
        Annotation.objects.create(at=timezone.now(), text="x", created_by=reader_user)
    first, second = (f"/annotations/{one.pk}/delete/" for one in Annotation.objects.all())
    assert client_of(analyst).post(first).status_code == 403
    assert client_of(reader_user).post(first).status_code == 302
    assert client_of(boss).post(second).status_code == 302
    assert not Annotation.objects.exists()
