"""Which colour of the palette a series has, always the same one. 1 to 7 are Okabe and Ito's, 0 is grey. Pure."""

from collections.abc import Iterable
from typing import Final
from zlib import crc32

from brokerlytics.event import END_SESSION, REVENUE, START_SESSION

GREY: Final = 0
_FIXED_TYPES: Final = {START_SESSION: 3, END_SESSION: 2, REVENUE: 5}
_FREE: Final = (1, 4, 6, 7)
_CURRENCIES: Final = {None: GREY, "EUR": 1, "USD": 2, "GBP": 3, "JPY": 4}


def type_colours(names: Iterable[str]) -> dict[str, int]:
    """A colour for each event type: those of sessions and revenue have their own, the rest take one by their name.

    Where two names want the same colour, the later in the alphabet takes the next that is free.
    """
    names = set(names)
    colours = {name: _FIXED_TYPES[name] for name in names if name in _FIXED_TYPES}
    for name in sorted(names - set(colours)):
        first = crc32(name.encode()) % len(_FREE)
        wanted = [*_FREE[first:], *_FREE[:first], *_FIXED_TYPES.values()]
        colours[name] = next((colour for colour in wanted if colour not in colours.values()), GREY)
    return colours


def currency_colour(currency: str | None) -> int:
    """The colour of a currency's line."""
    return _CURRENCIES.get(currency, 5 + crc32(str(currency).encode()) % 3)
