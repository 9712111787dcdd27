"""What holds for the project as a whole: its wall, its settings' documentation, its container set-up."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from brokerlytics.kafka_settings import kafka_client_settings

BASE: Path = settings.BASE_DIR
APPS = {"analytics_app", "feeder_app", "dashboard_app"}


def imported_packages(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", sorted({*APPS, "brokerlytics"}))
def test_apps_share_the_contracts_and_nothing_else(package: str) -> None:
    files = list((BASE / package).rglob("*.py"))
    assert files
    for path in files:
        found = set(imported_packages(path.read_text())) & APPS - {package}
        assert not found, f"{path.relative_to(BASE)} imports {found}"


def test_the_walls_eye_sees_every_form_of_import() -> None:
    source = "import feeder_app.store\ndef f():\n    from dashboard_app.views import overview\n"
    assert set(imported_packages(source)) == {"feeder_app", "dashboard_app"}


def variables_in(source: str) -> set[str]:
    """The environment variables that a module reads, by the text of its calls. WSGI's environ is no environment."""
    call = r"""\b(?:env(?:\.\w+)?\(|os\.environ\.\w+\(|os\.environ\[|os\.getenv\()\s*"([A-Z][A-Z_]+)\""""
    return set(re.findall(call, source))


def variables_read() -> set[str]:
    """What the settings and the apps read."""
    found = set()
    for package in ("brokerlytics", *APPS):
        for path in (BASE / package).rglob("*.py"):
            source = path.read_text()
            assert not re.search(r"from os import .*\b(environ|getenv)\b", source), f"{path}: say os.environ"
            found |= variables_in(source)
    return found - {"DJANGO_SETTINGS_MODULE"}


def test_every_form_of_reading_a_variable_is_seen() -> None:
    source = 'env.bool(\n    "AA", default=True); env("BB"); os.environ["CC"]; os.environ.get("DD"); os.getenv("EE")'
    assert variables_in(source) == {"AA", "BB", "CC", "DD", "EE"}
    assert variables_in('environ["HTTP_HOST"]; environ.get("REQUEST_METHOD"); request.environ["PATH_INFO"]') == set()


def variables_documented() -> set[str]:
    return set(re.findall(r"^#([A-Z_]+)=", (BASE / ".env.example").read_text(), re.MULTILINE))


def test_every_variable_is_documented() -> None:
    assert {"DATA_DIR", "PORT", "KAFKA_TOPIC"} <= variables_read()
    assert variables_read() - variables_documented() == set()


def test_every_documented_variable_is_read() -> None:
    documented = variables_documented() - {"KAFKA_CONFIG_FILE"}
    of_librdkafka = {name for name in documented if kafka_client_settings({name: "x"})}
    assert documented - of_librdkafka - variables_read() == set()


def compose() -> dict[str, dict[str, object]]:
    services: dict[str, dict[str, object]] = yaml.safe_load((BASE / "compose.yaml").read_text())["services"]
    return services


def test_compose_knows_our_commands_and_variables() -> None:
    ours = {name: service for name, service in compose().items() if "build" in service}
    assert set(ours) == {"setup", "web", "feeder", "index", "maintenance"}
    for service in ours.values():
        command, environment = service["command"], service["environment"]
        assert isinstance(command, list)
        assert isinstance(environment, dict)
        assert command[0] in get_commands()
        assert set(environment) <= variables_documented()


def test_compose_and_the_local_broker_are_the_same_kafka() -> None:
    pom = ElementTree.parse(BASE / "brokerlytics" / "local_kafka" / "pom.xml")
    spaces = {"m": "http://maven.apache.org/POM/4.0.0"}
    versions = {
        str(node.findtext("m:artifactId", namespaces=spaces)): node.findtext("m:version", namespaces=spaces)
        for node in pom.iterfind("m:dependencies/m:dependency", spaces)
    }
    assert compose()["kafka"]["image"] == f"apache/kafka:{versions['kafka_2.13']}"


def test_the_image_has_every_package() -> None:
    dockerfile = (BASE / "infrastructure" / "Dockerfile").read_text()
    sent = (BASE / ".dockerignore").read_text()
    for name in ("manage.py", "requirements.txt", "brokerlytics", *APPS):
        assert f"COPY {name} " in dockerfile
        assert f"!{name}\n" in sent
