"""How far the feeder on this machine is behind."""

from datetime import datetime

from django.conf import settings

from brokerlytics.heartbeat import live_heartbeats


def feeder_lag(now: datetime) -> int | None:
    """Records on the topic that are not stored yet; None where no feeder says so."""
    feeders = live_heartbeats(settings.STORE_DIR, settings.KAFKA_TOPIC, now)
    lags = [partition.lag for feeder in feeders for partition in feeder.partitions]
    known = [lag for lag in lags if lag is not None]
    return sum(known) if known else None
