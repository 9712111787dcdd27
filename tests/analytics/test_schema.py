import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from analytics_app.body import MAX_BODY_BYTES, MAX_EVENTS, MAX_INFLATED_BYTES
from analytics_app.codes import CODES
from analytics_app.endpoints import ENDPOINTS
from analytics_app.ingest import NOT_ACKNOWLEDGED, REFUSED_BY_BROKER
from analytics_app.sdk_docs import DOCUMENTED
from analytics_app.validation import DUPLICATE_EVENT_ID
from brokerlytics.event import FIELDS, MAX_EVENT_BYTES, Reason


@pytest.fixture
def schema(tmp_path: Path) -> Any:
    path = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", file=str(path))
    return yaml.safe_load(path.read_text())


def test_every_path_of_the_api_is_documented(schema: Any) -> None:
    ours = {"/api/v1/events", "/api/v1/events/simulation"}
    stats = {path for path in schema["paths"] if path.startswith("/api/v1/stats/")}
    assert set(schema["paths"]) == ours | stats | set(DOCUMENTED)
    served = {f"/{pattern}" for pattern in _patterns() if pattern.startswith("api/v1/")}
    assert served == {path + slash for path in ours for slash in ("", "/")}
    assert set(DOCUMENTED) < set(ENDPOINTS)


def _patterns() -> list[str]:
    api = next(one for one in get_resolver().url_patterns if str(one.pattern) == "api/")
    return [f"api/{one.pattern}" for one in api.url_patterns]  # type: ignore[union-attr]  # an include


def test_the_schema_of_an_event_is_the_contract(schema: Any) -> None:
    event = schema["components"]["schemas"]["Event"]
    server_fields = {"received_on", "source"}
    assert set(event["properties"]) == {field.name for field in FIELDS} - server_fields | {"sent_on"}
    assert event["required"] == ["event_type"]


def test_every_error_is_a_problem_in_the_schema(schema: Any) -> None:
    for path in schema["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                kind = "application/problem+json" if int(status) >= 400 else "application/json"
                assert list(response["content"]) == [kind]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/", "/api/docs/?script=", "/api/schema", "/api/schema/"])
def test_the_documentation_is_served(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 200
    assert b"//cdn" not in response.content
    if "docs" in path:
        assert "script-src 'self';" in response["Content-Security-Policy"] + ";"
        assert b"<script>" not in response.content


def test_every_code_that_is_given_is_on_the_list(settings: Any) -> None:
    """Codes are string literals where they are raised."""
    given = set(Reason) | {DUPLICATE_EVENT_ID, REFUSED_BY_BROKER, NOT_ACKNOWLEDGED}
    for name in ("body", "pixel"):
        text = (settings.BASE_DIR / "analytics_app" / f"{name}.py").read_text()
        given |= set(re.findall(r'Body(?:TooLarge)?Error\(\s*"(\w+)"', text))
    for name in ("collect", "collector"):
        text = (settings.BASE_DIR / "analytics_app" / f"{name}.py").read_text()
        given |= set(re.findall(r'(?:RefusalError|problem)\(\d+, "(\w+)"', text))
    # It stands for the reasons of its events, which are counted.
    assert given - CODES.keys() == {"no_valid_event"}
    assert {"bad_gzip", "rate_limited", "origin_not_allowed", "overloaded"} < given


def test_docs_name_every_other_code_and_limit(settings: Any) -> None:
    text = (settings.BASE_DIR / "docs" / "api.md").read_text()
    codes = ["no_valid_event", "simulation_running", "simulation_limit", "no_simulation", "not_authenticated"]
    codes += ["permission_denied", "invalid", "bad_request", "parse_error", "not_found", "method_not_allowed"]
    assert [code for code in codes if f"`{code}`" not in text] == []
    for limit in (MAX_BODY_BYTES, MAX_INFLATED_BYTES, MAX_EVENTS, MAX_EVENT_BYTES):
        assert f"{limit:,}" in text


def test_docs_name_every_path(settings: Any) -> None:
    text = (settings.BASE_DIR / "docs" / "api.md").read_text()
    assert [path for path in ENDPOINTS if not path.endswith("/") and f"`{path}`" not in text] == []
