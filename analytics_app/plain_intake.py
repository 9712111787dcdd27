"""The short way of step 2: events that need no rule are checked and encoded in C, all of a request in one call.

It decides nothing: what it is not sure of goes through `validation.py`, event by event, and so does a whole request as
soon as one of its events is refused.
"""

from functools import cache
from typing import Final

import msgspec

from analytics_app.body import MAX_EVENTS
from analytics_app.endpoints import NATIVE
from analytics_app.enrichment import USER_AGENT_NAMES, columns_of_request
from analytics_app.geoip import country_of
from analytics_app.ingest import Intake
from analytics_app.reading import Reading
from analytics_app.validation import ADDRESSES, FUTURE, Sender, validate
from brokerlytics.event import ClientEvent
from brokerlytics.native.intake import Defaults, Encoded, EventEncoder
from brokerlytics.native.library import library

# A call has its price: for less than that the rules are quicker.
_FEWEST: Final = 3
_decode: Final = msgspec.json.Decoder(ClientEvent).decode


def plain_intake(content: bytes, sender: Sender) -> Intake | None:
    """The events of a native request with a list of them; None where `check` has to look at the request.

    Args:
        content: the body, unpacked.
        sender: of the request.
    """
    encoded = encode_plain(content, sender) if content.startswith(b"[") else None
    return encoded and _merged(encoded, sender)


def encode_plain(content: bytes, sender: Sender) -> Encoded | None:
    """The list of events in `content`, as far as they are plain; None where it is none, or too short to be worth it."""
    encoder = _encoder()
    if encoder is None:
        return None
    # As many as there may be: the name may stand elsewhere as well.
    most = min(MAX_EVENTS, content.count(b'"event_type"'))
    if most < _FEWEST:
        return None
    columns = columns_of_request(sender.user_agent, country_of(sender.ip) if sender.ip else None)
    if columns is None:
        return None
    return encoder.encode(
        content,
        most,
        defaults=Defaults(sender.source, columns),
        received_on=sender.received_on,
        latest=sender.received_on + FUTURE,
    )


def _merged(encoded: Encoded, sender: Sender) -> Intake | None:
    """With the rest, that the rules encode; None when one is refused."""
    if len(set(encoded.brought_ids)) < len(encoded.brought_ids):
        return None
    if not encoded.rest:
        return Intake(encoded.indexes, encoded.messages, [])
    try:
        items = [_decode(event) for _, event in encoded.rest]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    valid, rejected = validate(Reading(NATIVE, items, {}), sender)
    if rejected or not {event.event_id.encode() for event in valid}.isdisjoint(encoded.brought_ids):
        return None
    messages = dict(zip(encoded.indexes, encoded.messages, strict=True))
    messages |= {encoded.rest[event.index][0]: (event.key, event.value) for event in valid}
    return Intake(range(len(messages)), [messages[index] for index in range(len(messages))], [])


@cache
def _encoder() -> EventEncoder | None:
    """None where the library is not compiled."""
    native = library()
    if native is None:
        return None
    return EventEncoder(native, of_properties=USER_AGENT_NAMES, of_context={*USER_AGENT_NAMES, *ADDRESSES})
