"""What is added to an event when it is sent: its times and its source."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from analytics_app.simulation.event_parts import members
from analytics_app.simulation.faults import Outgoing
from analytics_app.simulation.sending import Message

_MINUTE: Final = 60_000
# The seconds and milliseconds of a time, as msgspec writes them: a whole second without a fraction.
_SECONDS: Final = [b"%02d" % second for second in range(60)]
_FRACTIONS: Final = [b'Z"', *(b'.%03d000Z"' % milli for milli in range(1, 1000))]

_STAMPED: Final = b'%b,"created_on":%b,"original_created_on":%b,"received_on":%b%b%b'


def json_time(time: int) -> bytes:
    """`time` (milliseconds since 1970) as JSON, as `encode_event` writes it."""
    minute, rest = divmod(time, _MINUTE)
    second, milli = divmod(rest, 1000)
    return _minute(minute) + _SECONDS[second] + _FRACTIONS[milli]


@lru_cache(maxsize=4096)
def _minute(minute: int) -> bytes:
    return datetime.fromtimestamp(minute * 60, UTC).strftime('"%Y-%m-%dT%H:%M:').encode()


class Stamp(NamedTuple):
    """How events are stamped: with `source` for the topic, which has all times; None as a client sends them."""

    source: str | None

    def messages(self, outgoing: list[Outgoing]) -> list[Message]:
        """Key and value of each."""
        if self.source is None:
            return [
                (key, b'%b,"created_on":%b%b' % (head, json_time(created), tail))
                for created, _, key, head, tail in outgoing
            ]
        source, messages = members({"source": self.source}), []
        for created, received, key, head, tail in outgoing:
            at = json_time(created)
            on = at if received == created else json_time(received)
            messages.append((key, _STAMPED % (head, at, at, on, source, tail)))
        return messages
