"""Why events are not taken: every code that is counted, what it means, and what to do about it."""

from typing import Final

CODES: Final[dict[str, str]] = {
    # The whole request.
    "missing_write_key": "The request names no source. Send the write key as the SDK's key, as the user name of "
    "Authorization: Basic, as Authorization: Bearer, or as ?write_key= in the address.",
    "invalid_write_key": "No source has this write key. Compare it with the one on the source's set-up page; after a "
    "rotation the old key is refused.",
    "source_disabled": "Somebody disabled the source. Enable it in the admin, or send with the key of another one.",
    "origin_not_allowed": "The web site is not among the source's allowed origins. Add it there: scheme, host and port "
    "as in the browser's address, such as https://shop.example.org.",
    "rate_limited": "The source sends more events in a second than its rate limit. SDKs send them again later. Raise "
    "the limit, or find out what sends so much.",
    "overloaded": "The server has as many requests under way as it takes. SDKs send again after Retry-After. If it "
    "lasts, send in batches, or add web workers.",
    "broker_unavailable": "Kafka did not answer in time. SDKs send again. See /readyz and the server's log.",
    "kafka_misconfigured": "The server's Kafka settings are not valid: the message and the server's log say which. "
    "Correct them and restart the server.",
    "database_unavailable": "The server has just started and its database does not answer, so that no write key is "
    "known yet. SDKs send again. See the server's log.",
    "body_too_slow": "The body did not arrive within the time that the server waits for it. SDKs send it again. Look "
    "at the client's connection, or send smaller batches.",
    "body_too_large": "The body has more bytes than are taken in one request. Send fewer events at once.",
    "inflated_too_large": "The gzipped body is too large when it is unpacked. Send fewer events at once.",
    "too_many_events": "The body holds more events than are taken in one request. Split it.",
    "bad_gzip": "The body starts like gzip and cannot be unpacked: it was cut off, or is damaged on its way.",
    "empty_body": "The request holds no event. Look whether the client sends its body, and the proxy passes it on.",
    # One event.
    "not_json": "The body is not JSON in UTF-8. The message has the line and column; the excerpt shows what arrived.",
    "not_an_object": "The event is JSON, but not an object. Send {...}, or a list of such objects.",
    "empty_value": "A record on the topic has no value. Look at what else writes to the topic.",
    "unsupported_version": "Another program wrote an event of a version that is not known here. Update Brokerlytics.",
    "missing_field": "A required field is missing: the event's name, or whoever it is of (a device's or a user's id). "
    "Often track() runs before the id is known.",
    "invalid_type": "A field has another JSON type than the contract says, such as revenue as a text. Change it where "
    "the event is made.",
    "invalid_value": "A field has the right type and a value that cannot be, such as a time that is not ISO 8601.",
    "too_long": "A text is longer than its field takes. The message has both lengths.",
    "event_too_large": "The event is larger than one may be. Leave out large properties, such as whole documents.",
    "duplicate_event_id": "The request holds an event with this id before; the first one was taken. Make a new id for "
    "each event.",
    "refused_by_broker": "Kafka never takes this event, mostly for its size. Compare max.message.bytes of the topic.",
    "not_acknowledged": "Kafka did not acknowledge the event in time. SDKs send it again with the same id.",
}
