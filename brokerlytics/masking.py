"""The start of an event for people to look at: as JSON, short, and with what identifies a person masked.

Masked are the values of names that mean a person, a device, a session or a secret, and addresses of e-mail
and of the network in any text. Long values keep two characters at both ends, so that developers recognise
their own. The ids of events are left: they name an event and no person.
"""

import json
import re
import zlib
from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Any, Final

import msgspec

EXCERPT: Final = 2000
MASK: Final = "…"

_NODES: Final = 300
_DEPTH: Final = 8
_ITEMS: Final = 20
_TEXT: Final = 300
_NAME: Final = 100
# What is looked at of a longer text.
_SCANNED: Final = 4096
_SAFE_INTEGER: Final = 2**63

# Compared with the end of a name without its punctuation: device_id, deviceId and $device_id are one.
_PERSONAL: Final = (
    *("deviceid", "userid", "sessionid", "distinctid", "anonymousid", "anonid", "previousid", "visitorid", "clientid"),
    *("customerid", "accountid", "profileid", "personid", "windowid", "groupid", "advertisingid", "idfa", "idfv"),
    *("email", "mail", "phone", "phonenumber", "mobile", "username", "firstname", "lastname", "fullname", "surname"),
    *("nickname", "displayname", "birthday", "dateofbirth", "ipaddress", "latitude", "longitude"),
    *("apikey", "writekey", "token", "password", "secret", "authorization", "cookie", "credentials"),
)
_PERSONAL_EXACTLY: Final = frozenset({"ip", "alias", "lat", "lng", "lon"})
# Objects that describe a person or a device, and what is personal in them only.
_PEOPLE: Final = frozenset(
    {"traits", "set", "setonce", "user", "person", "customer", "visitor", "account", "contact", "device", "session"}
)
_PERSONAL_OF_PEOPLE: Final = frozenset({"id", "name", "address", "street", "postalcode", "zip", "avatar", "login"})

_EMAIL: Final = re.compile(r"[^\s@\"'<>()\[\]{},;:/?=&|\\]{1,64}(?:@|%40)[^\s@\"'<>()\[\]{},;:/?=&|\\]{1,255}")
_IPV4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)")
_IPV6: Final = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_KEY: Final = re.compile(r"\b(?:wk|phc|phx)_\w{8,}")
# name=value, as in a query; "name": value, as in JSON that is cut off.
_PARAMETER: Final = re.compile(r"(?:(?<=^)|(?<=[?&#;]))([\w$.\-\[\]%]{1,100}=)([^&#;\s\"'<>]+)")
_MEMBER: Final = re.compile(r"(\"([^\"\\]{1,100})\"\s*:\s*\"?)((?<=\")(?:[^\"\\]|\\.)*|[\w.+-]+)", re.DOTALL)
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_GZIP: Final = b"\x1f\x8b"


def excerpt(value: Any) -> str:
    """At most EXCERPT characters of `value`, masked: indented JSON, or text where it is not JSON.

    Args:
        value: any JSON value, or bytes of whatever a client sent, which may be cut off or gzipped.
    """
    content = decoded(value)
    if isinstance(content, str):
        return clean(_mask_members(content), EXCERPT)
    return clean(json.dumps(masked(content), ensure_ascii=False, indent=2), EXCERPT)


def decoded(value: Any) -> Any:
    """The JSON value that the bytes hold, else a text that shows them; other values as they are."""
    if not isinstance(value, bytes):
        return value
    body = _inflated(value) if value.startswith(_GZIP) else value
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        text = body.decode(errors="replace")
    if text.count("\ufffd") > max(4, len(text) // 20):
        return f"{len(body)} bytes that are not text: {body[:32].hex(' ')}"
    return text


def masked(value: Any) -> Any:
    """A copy of a JSON value, masked and bounded in size, however large or deep the value is."""
    return _Copy().value(value, "", depth=0)


def event_type_of(value: Any) -> str:
    """The name of the event, or of the first one of a batch, as the protocols have it; empty without one."""
    if isinstance(value, Mapping):
        value = value.get("batch") or value
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, Mapping):
        return ""
    names = (value.get(name) for name in ("event_type", "event", "name", "type"))
    return next((name for name in names if isinstance(name, str) and name), "")[:_SCANNED]


def mask_text(text: str) -> str:
    """Mask e-mail and IP addresses, write keys and personal query parameters in a text."""
    text = _PARAMETER.sub(lambda found: found[1] + (mask(found[2]) if _is_personal(found[1]) else found[2]), text)
    for pattern in (_KEY, _EMAIL, _IPV4):
        text = pattern.sub(lambda found: mask(found[0]), text)
    return _IPV6.sub(_mask_ipv6, text)


def mask(text: str) -> str:
    """`device-42` becomes `de…42`; nothing is left of a short text."""
    return f"{text[:2]}{MASK}{text[-2:]}" if len(text) >= 8 else MASK


def clean(text: str, length: int) -> str:
    """`text` as every database stores it, cut to `length` with a sign where it was longer."""
    text = _UNSTORABLE.sub("\ufffd", text[: length + 1])
    return text if len(text) <= length else text[: length - 1] + MASK


class _Copy:
    """Copies JSON until it has copied enough."""

    def __init__(self) -> None:
        self._left = _NODES

    def value(self, value: Any, name: str, depth: int, *, personal: bool = False) -> Any:
        self._left -= 1
        match value:
            case None | bool():
                return value
            case Mapping() | list() | tuple() if self._left <= 0 or depth >= _DEPTH:
                return MASK
            case Mapping():
                return self._mapping(value, name, depth, personal)
            case list() | tuple():
                items = [
                    self.value(item, name, depth + 1, personal=personal) for item in value[: min(_ITEMS, self._left)]
                ]
                return items + [MASK] * (len(value) > len(items))
            case _:
                return _scalar(value, name, personal=personal)

    def _mapping(self, value: Mapping[Any, Any], parent: str, depth: int, personal: bool) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, member in value.items():
            if self._left <= 0:
                copy[MASK] = MASK
                break
            name = _text(key)
            hidden = personal or _is_personal(name, parent)
            copy[clean(mask_text(name[:_SCANNED]), _NAME)] = self.value(member, name, depth + 1, personal=hidden)
        return copy


def _scalar(value: Any, name: str, *, personal: bool) -> Any:
    if isinstance(value, int | float) and not personal:
        return value if abs(value) < _SAFE_INTEGER else MASK
    text = _text(value)
    if personal:
        return mask(text)
    # Four numbers with dots are no address there.
    if _plain(name).endswith(("version", "useragent")):
        return clean(text[:_SCANNED], _TEXT)
    return clean(mask_text(text[:_SCANNED]), _TEXT)


def _text(value: Any) -> str:
    huge = isinstance(value, int) and abs(value) >= _SAFE_INTEGER
    return MASK if huge else clean(str(value), _SCANNED)


def _is_personal(name: str, parent: str = "") -> bool:
    plain = _plain(name)
    of_person = plain in _PERSONAL_OF_PEOPLE and _plain(parent) in _PEOPLE
    return of_person or plain in _PERSONAL_EXACTLY or plain.endswith(_PERSONAL)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name[-_NAME:].lower()))


def _mask_ipv6(found: "re.Match[str]") -> str:
    try:
        IPv6Address(found[0])
    except ValueError:
        return found[0]
    return mask(found[0])


def _mask_members(text: str) -> str:
    def replaced(found: "re.Match[str]") -> str:
        # What the member is a part of is not known here: it may be a person.
        personal = _is_personal(found[2], parent="traits")
        return found[1] + (mask(found[3]) if personal else found[3])

    return mask_text(_MEMBER.sub(replaced, text[:_SCANNED]))


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(body, _SCANNED) or body
    except zlib.error:
        return body
