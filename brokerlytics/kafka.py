"""How every client of Brokerlytics reaches Kafka: one place for librdkafka's settings."""

import logging
from typing import Any

from django.conf import settings

# settings.LOGGING throttles it.
logger = logging.getLogger(__name__)


def client_config(**overrides: Any) -> dict[str, Any]:
    """librdkafka's settings for a new client, from KAFKA_CONFIG_FILE and the KAFKA_* environment.

    Args:
        overrides: settings of this one client, underscores for dots (`linger_ms=5`); they win.
    """
    config: dict[str, Any] = {
        "bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS,
        "client.id": "brokerlytics",
        # A broker that came back is found within a second, and asked for no more often than twice in one.
        "reconnect.backoff.ms": 500,
        "reconnect.backoff.max.ms": 1000,
        "logger": logger,
        **settings.KAFKA_CLIENT_CONFIG,
    }
    return config | {name.replace("_", "."): value for name, value in overrides.items()}
