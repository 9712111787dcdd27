"""Who the simulated visitors are: device, place and language; the same seed makes the same people."""

from dataclasses import dataclass
from random import Random
from typing import Final
from uuid import UUID

# Platform, operating system, browser, kind of device, share.
_DEVICES: Final = (
    ("web", "Windows", "Chrome", "desktop", 26),
    ("web", "Windows", "Edge", "desktop", 9),
    ("web", "macOS", "Safari", "desktop", 9),
    ("web", "macOS", "Chrome", "desktop", 8),
    ("web", "Linux", "Firefox", "desktop", 4),
    ("web", "Android", "Chrome", "mobile", 14),
    ("web", "iOS", "Safari", "mobile", 12),
    ("ios", "iOS", None, "mobile", 9),
    ("android", "Android", None, "mobile", 9),
)
# Country, language, currency, share.
_PLACES: Final = (
    ("US", "en-US", "USD", 30),
    ("DE", "de-DE", "EUR", 18),
    ("GB", "en-GB", "GBP", 14),
    ("FR", "fr-FR", "EUR", 10),
    ("IN", "en-IN", "INR", 9),
    ("BR", "pt-BR", "BRL", 7),
    ("NL", "nl-NL", "EUR", 6),
    ("JP", "ja-JP", "JPY", 6),
)
_APP_VERSIONS: Final = ("3.2.0", "3.2.1", "3.3.0")


@dataclass(frozen=True, slots=True)
class Person:
    """One visitor with one device; `app_version` is None on the web, `browser` in the apps."""

    device_id: str
    user_id: str
    platform: str
    os: str
    browser: str | None
    device_type: str
    country: str
    locale: str
    currency: str
    app_version: str | None

    @property
    def is_web(self) -> bool:
        return self.platform == "web"


def person(seed: int, number: int) -> Person:
    """The visitor `number` (from 0) of `seed`."""
    rng = Random(f"{seed}:person:{number}")  # noqa: S311 (made-up people, no secrets)
    platform, os, browser, device_type, _ = rng.choices(_DEVICES, [device[-1] for device in _DEVICES])[0]
    country, locale, currency, _ = rng.choices(_PLACES, [place[-1] for place in _PLACES])[0]
    return Person(
        device_id=str(UUID(int=rng.getrandbits(128), version=4)),
        user_id=f"user-{rng.getrandbits(40):010x}",
        platform=platform,
        os=os,
        browser=browser,
        device_type=device_type,
        country=country,
        locale=locale,
        currency=currency,
        app_version=None if platform == "web" else rng.choice(_APP_VERSIONS),
    )
