"""The context of an event: what its client, its batch and nobody's column say."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from analytics_app.mapping.values import IP, free_name

# Of the batch: what is read elsewhere, its time, which is that of sending, and its keys, which are credentials.
_BATCH_TAKEN: Final = frozenset(
    ("batch", "context", "integrations", "sentAt", "sent_at", "$sent_at", "timestamp", "writeKey", "api_key", "token")
)
_ADDRESSES: Final = ("ip", "$ip", "request_ip", "requestIP")


def take_context(fields: dict[str, Any], rest: dict[str, Any], batch: Mapping[str, Any]) -> dict[str, Any]:
    """A new dict with the context of `rest`, over that of the batch. The IP address goes to `fields` alone."""
    context = _merged(rest.pop("context", None), batch.get("context"), rest, "context")
    integrations = _merged(rest.pop("integrations", None), batch.get("integrations"), rest, "integrations")
    if integrations:
        rest.setdefault("integrations", integrations)
    for name, value in batch.items():
        if name not in _BATCH_TAKEN and value is not None:
            context.setdefault(name, value)
    take_address(fields, context, _ADDRESSES)
    take_address(fields, rest, _ADDRESSES)
    return context


def take_address(fields: dict[str, Any], holder: dict[str, Any], names: Iterable[str]) -> None:
    """Take IP addresses out of `holder`; the first one found goes to `fields`."""
    for name in names:
        address = holder.pop(name, None)
        if address and isinstance(address, str):
            fields.setdefault(IP, address)


def keep(context: dict[str, Any], rest: Mapping[str, Any]) -> None:
    """Put what has no column into the context, whose own members stay: their namesakes go to its `message`."""
    clashes: dict[str, Any] = {}
    for name, value in rest.items():
        if value is None:
            continue
        if context.get(name) is None:
            context[name] = value
        else:
            clashes[name] = value
    if clashes:
        context[free_name(context, "message")] = clashes


def _merged(own: Any, shared: Any, rest: dict[str, Any], name: str) -> dict[str, Any]:
    """A new dict: `own` over `shared`, two levels deep. What is no object stays in `rest`."""
    context: dict[str, Any] = own if isinstance(own, dict) else {}
    if context is not own and own is not None:
        rest[name] = own
    if not shared or not isinstance(shared, dict):
        return context.copy()
    merged: dict[str, Any] = shared | context
    for key, value in context.items():
        if isinstance(value, dict) and isinstance(under := shared.get(key), dict):
            merged[key] = under | value
    return merged
