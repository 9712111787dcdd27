"""API tokens: they read the stats API, and nothing else."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from dashboard_app.models import ApiToken
from dashboard_app.stats.token_authentication import StatsThrottle
from tests.dashboard.keeping.conftest import client_of

pytestmark = pytest.mark.django_db
STATS = "/api/v1/stats/overview"


@pytest.fixture(autouse=True)
def _no_request_counts_yet() -> None:
    cache.clear()


@pytest.fixture
def token(reader_user: User) -> str:
    response = client_of(reader_user).post("/tokens/", {"name": "Nightly"})
    assert response.status_code == 201
    assert response.context["list_view"] == "dashboard:tokens"
    assert "no-store" in response["Cache-Control"]
    found = re.search(r'value="(stats_[^"]+)"', response.content.decode())
    assert found
    return found[1]


def get(token: str, path: str = STATS, scheme: str = "Bearer") -> Any:
    return Client().get(path, headers={"Authorization": f"{scheme} {token}"})


@pytest.mark.usefixtures("rows")
def test_a_token_reads_the_stats(token: str) -> None:
    assert get(token).json()["report"] == "overview"
    assert get(token, scheme="bearer").status_code == 200


@pytest.mark.usefixtures("rows")
def test_a_token_opens_nothing_else(token: str) -> None:
    for path in ("/", "/overview.csv", "/saved/", "/tokens/", "/admin/"):
        assert get(token, path).status_code == 302
    assert get(token, "/api/v1/events/simulation").status_code == 401


@pytest.mark.usefixtures("rows")
def test_the_token_is_shown_once_and_kept_nowhere(token: str, reader_user: User) -> None:
    assert len(token) > 40
    assert token not in str(ApiToken.objects.values_list().get())
    page = client_of(reader_user).get("/tokens/").content.decode()
    assert token not in page
    assert token[:12] in page


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("wrong", ["", "stats_wrong", "x" * 10_000, "ü"])
def test_a_wrong_token_is_refused(wrong: str) -> None:
    response = get(wrong)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="stats"'
    assert response.json()["code"] == "authentication_failed"


@pytest.mark.usefixtures("rows")
def test_the_digest_is_no_token(token: str) -> None:  # noqa: ARG001
    assert get(ApiToken.objects.get().token_digest).status_code == 401


@pytest.mark.usefixtures("rows")
def test_a_revoked_token_is_refused_at_once(token: str, reader_user: User, analyst: User) -> None:
    pk = ApiToken.objects.get().pk
    assert client_of(analyst).post(f"/tokens/{pk}/revoke/").status_code == 404
    assert get(token).status_code == 200
    assert client_of(reader_user).post(f"/tokens/{pk}/revoke/").status_code == 302
    assert get(token).status_code == 401


@pytest.mark.usefixtures("rows")
def test_the_token_of_who_may_not_sign_in_is_refused(token: str, reader_user: User) -> None:
    reader_user.is_active = False
    reader_user.save()
    assert get(token).status_code == 401


@pytest.mark.usefixtures("rows")
def test_the_last_use_is_noted_once_a_minute(token: str) -> None:
    assert ApiToken.objects.get().last_used_on is None
    get(token)
    first = ApiToken.objects.get().last_used_on
    assert first is not None
    get(token)
    assert ApiToken.objects.get().last_used_on == first
    ApiToken.objects.update(last_used_on=timezone.now() - timedelta(minutes=2))
    get(token)
    later = ApiToken.objects.get().last_used_on
    assert later is not None
    assert later > first


@pytest.mark.usefixtures("rows")
def test_each_token_has_the_rate_for_itself(token: str, reader_user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StatsThrottle, "THROTTLE_RATES", {"stats": "2/minute"})
    other = ApiToken.issue(reader_user.pk, "Other")
    browser = client_of(reader_user)
    assert [get(token).status_code for _ in range(3)] == [200, 200, 429]
    assert [get(other).status_code for _ in range(3)] == [200, 200, 429]
    assert [browser.get(STATS).status_code for _ in range(3)] == [200, 200, 429]


def test_a_token_has_a_name(reader_user: User) -> None:
    page = client_of(reader_user).post("/tokens/", {"name": " "}, follow=True).content.decode()
    assert "Name: This field is required" in page
    assert not ApiToken.objects.exists()
