"""The metrics of a running feeder over HTTP, for Prometheus."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from brokerlytics.heartbeat import Heartbeat, PartitionStatus, State
from feeder_app.errors import FeederError


@dataclass(frozen=True, slots=True)
class MetricsAddress:
    """Where a feeder's metrics are served."""

    host: str
    port: int


class StatusCollector(Collector):
    """What is true of the partitions at this moment: lag, offset, state, newest event.

    A partition that was let go is gone at the next scrape, for its next owner tells about it.
    """

    def __init__(self, group: str) -> None:
        self._group = group
        # Replaced as a whole: a scrape, in a thread of its own, sees the old one or the new one.
        self._status: Heartbeat | None = None

    def show(self, status: Heartbeat) -> None:
        """Tell `status` from now on."""
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        if status is None:
            return
        yield self._lags(status)
        yield _gauge("next_offset", "Offset of the next record to commit.", status, lambda found: found.next_offset)
        help_text = "When the newest event of the last commit came to the topic."
        yield _gauge("last_event_timestamp_seconds", help_text, status, _last_event)
        yield _states(status)

    def _lags(self, status: Heartbeat) -> Metric:
        """Under the name and with the labels that kafka_exporter gives it, for dashboards that know them."""
        lags = GaugeMetricFamily(
            "kafka_consumergroup_lag",
            "Records on the partition that are not committed to the store yet.",
            labels=("consumergroup", "topic", "partition"),
        )
        for partition in status.partitions:
            if partition.lag is not None:
                lags.add_metric((self._group, status.topic, str(partition.partition)), partition.lag)
        return lags


@contextmanager
def metrics_server(address: MetricsAddress | None, collector: StatusCollector) -> Iterator[None]:
    """Answer scrapes at `address` meanwhile; None for no server.

    Raises FeederError when the address cannot be listened on.
    """
    if address is None:
        yield
        return
    try:
        server, thread = start_http_server(address.port, address.host)
    except (OSError, OverflowError) as error:
        raise FeederError(
            f"No metrics at {address.host}:{address.port}: {error}. Each feeder of a host needs a port of its own: "
            "--metrics-port or FEEDER_METRICS_PORT sets it."
        ) from error
    REGISTRY.register(collector)
    try:
        yield
    finally:
        REGISTRY.unregister(collector)
        server.shutdown()
        server.server_close()
        thread.join()


def _gauge(name: str, text: str, status: Heartbeat, value: Callable[[PartitionStatus], float | None]) -> Metric:
    gauge = GaugeMetricFamily(f"brokerlytics_feeder_{name}", text, labels=("topic", "partition"))
    for partition in status.partitions:
        found = value(partition)
        if found is not None:
            gauge.add_metric((status.topic, str(partition.partition)), found)
    return gauge


def _last_event(status: PartitionStatus) -> float | None:
    return status.last_event_at.timestamp() if status.last_event_at else None


def _states(status: Heartbeat) -> Metric:
    """One sample for each state: 1 for the one that the partition is in, 0 for the others."""
    states = GaugeMetricFamily(
        "brokerlytics_feeder_partition_state", "The state of a partition.", labels=("topic", "partition", "state")
    )
    for partition in status.partitions:
        for state in State:
            states.add_metric((status.topic, str(partition.partition), state), partition.state is state)
    return states
