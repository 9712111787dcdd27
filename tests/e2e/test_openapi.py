"""The running server does what its OpenAPI document says, whatever requests schemathesis makes out of it."""

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from analytics_app.sdk_docs import DOCUMENTED
from dashboard_app.registry import REPORTS
from tests.e2e.serving import Server
from tests.waiting import PATIENCE

OPERATIONS = [
    ("GET", "/api/v1/events"),
    ("POST", "/api/v1/events"),
    ("GET", "/api/v1/events/simulation"),
    ("POST", "/api/v1/events/simulation"),
    ("DELETE", "/api/v1/events/simulation"),
    *(("GET", f"/api/v1/stats/{report.name}") for report in REPORTS),
    *(("POST", path) for path in DOCUMENTED),
]
OPERATIONS_WITH_INPUT = [("POST", "/api/v1/events"), ("POST", "/api/v1/events/simulation"), ("POST", "/v1/batch")]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/api/schema/?format=json", timeout=PATIENCE)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_every_operation_is_tried(document: dict[str, Any]) -> None:
    found = [(method.upper(), path) for path, operations in document["paths"].items() for method in operations]
    assert sorted(found) == sorted(OPERATIONS)


@pytest.fixture(scope="module")
def credentials(server: Server) -> dict[str, str]:
    """Headers that every operation takes: a source's write key, and a session of the admin user."""
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        page = client.get("/login/").text
        token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        form = {"username": "admin", "password": server.password, "csrfmiddlewaretoken": token}
        assert client.post("/login/", data=form).status_code == 302
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        return {"X-Write-Key": server.write_key, "Cookie": cookies, "X-CSRFToken": client.cookies["csrftoken"]}


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize(
    ("mode", "method", "path"),
    [(GenerationMode.POSITIVE, *operation) for operation in OPERATIONS]
    + [(GenerationMode.NEGATIVE, *operation) for operation in OPERATIONS_WITH_INPUT],
)
def test_answers_conform(  # noqa: PLR0917 (three parameters and three fixtures)
    server: Server,
    document: dict[str, Any],
    credentials: dict[str, str],
    method: str,
    path: str,
    signed_in: bool,
    mode: GenerationMode,
) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=server.url)
    # Made-up passwords would be hashed one by one.
    schema.config.generation.update(with_security_parameters=False)
    operation = schema[path][method]
    statuses: set[int] = set()

    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case[Any]) -> None:
        response = case.call(headers=credentials if signed_in else None, timeout=PATIENCE)
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    send()
    if method == "POST" and mode is GenerationMode.POSITIVE:
        assert bool(statuses & {200, 201, 202, 409}) == signed_in
