"""Which colour of the palette a series has, always the same one. 1 to 7 are Okabe and Ito's, 0 is grey. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final
from zlib import crc32

from brokerlytics.event import END_SESSION, REVENUE, START_SESSION

GREY: Final = 0
# Hardly to be seen on white: only where nothing else is left.
_YELLOW: Final = 7
_FIXED_TYPES: Final = {START_SESSION: 3, END_SESSION: 2, REVENUE: 5}
_FREE_FOR_TYPES: Final = (1, 4, 6)
_FIXED_CURRENCIES: Final = {"EUR": 1, "USD": 2, "GBP": 3, "JPY": 4}
_FREE_FOR_CURRENCIES: Final = (5, 6)


def nth_look(place: int) -> tuple[int, int]:
    """Colour and mark of the series at this place, from 0, where names have no colours of their own.

    When the colours are used up they begin again, with the next mark; yellow is not among them.
    """
    return 1 + place % (_YELLOW - 1), place // (_YELLOW - 1)


def type_colours(names: Iterable[str]) -> dict[str, int]:
    """A colour for each event type: those of sessions and revenue have their own, the rest take one by their name.

    Where two names want the same colour, the later in the alphabet takes the next that is free.
    """
    return _colours(names, _FIXED_TYPES, _FREE_FOR_TYPES)


def currency_colours(currencies: Collection[str | None]) -> dict[str | None, int]:
    """The same for currencies; what has none is grey."""
    named = (currency for currency in currencies if currency is not None)
    colours = _colours(named, _FIXED_CURRENCIES, _FREE_FOR_CURRENCIES)
    return {currency: GREY if currency is None else colours[currency] for currency in currencies}


def _colours(names: Iterable[str], fixed: Mapping[str, int], free: tuple[int, ...]) -> dict[str, int]:
    names = set(names)
    colours = {name: fixed[name] for name in names if name in fixed}
    for name in sorted(names - set(colours)):
        first = crc32(name.encode()) % len(free)
        wanted = [*free[first:], *free[:first], *fixed.values(), _YELLOW]
        colours[name] = next((colour for colour in wanted if colour not in colours.values()), GREY)
    return colours
