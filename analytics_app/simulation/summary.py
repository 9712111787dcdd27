"""What a simulation has achieved so far."""

from collections import Counter, defaultdict

from analytics_app.simulation.sinks import SendResult
from brokerlytics.event import REVENUE, START_SESSION


class Summary:
    """Counts of what was accepted and rejected; revenue in the currency's own unit."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.tried_again = 0
        self.devices: set[str] = set()
        self.revenue: defaultdict[str, float] = defaultdict(float)

    def add(self, result: SendResult) -> None:
        for event in result.accepted:
            self.accepted[event["event_type"]] += 1
            self.devices.add(event["device_id"])
            if event["event_type"] == REVENUE:
                self.revenue[event["currency"]] += event["revenue"]
        self.rejected.update(code for _, code in result.rejected)
        self.tried_again += len(result.retry)

    @property
    def sessions(self) -> int:
        return self.accepted[START_SESSION]

    def lines(self, seconds: float, target_rate: float) -> list[str]:
        """The summary for people, after a run of so many seconds at a rate of so many events per second."""
        total = self.accepted.total()
        rate = total / max(seconds, 0.001)
        types = [f"  {name}: {number}" for name, number in self.accepted.most_common()]
        refused = [f"  {code}: {number}" for code, number in self.rejected.most_common()]
        revenue = [f"  {currency} {amount:.2f}" for currency, amount in sorted(self.revenue.items())]
        return [
            f"Accepted: {total} events in {seconds:.1f} s, {rate:.1f} per second of {target_rate:g} wanted",
            *types,
            f"Rejected: {self.rejected.total()}",
            *refused,
            f"Tried again: {self.tried_again}",
            f"Unique devices: {len(self.devices)}",
            f"Sessions: {self.sessions}",
            "Revenue:" if revenue else "Revenue: none",
            *revenue,
        ]
