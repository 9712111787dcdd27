"""The country that an address lies in, out of a database in MaxMind's format. No address is kept or logged."""

import logging
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import maxminddb
from django.conf import settings
from maxminddb import InvalidDatabaseError, Reader

logger = logging.getLogger(__name__)


def country_of(ip: str) -> str | None:
    """The ISO 3166 code of the country that `ip` lies in, such as DE.

    None when no database is configured or it does not know the address, when the address is no public one or
    no address at all, and when the database cannot be read, which is logged once.
    """
    path: Path | None = settings.GEOIP_DATABASE
    if path is None or (reader := _reader(path)) is None or (address := _public(ip)) is None:
        return None
    try:
        return _code(reader.get(address))
    except (InvalidDatabaseError, OSError):
        # The error names the address.
        _log_once(path, "its records are damaged")
    except ValueError:
        # An IPv6 address, and a database of IPv4.
        pass
    return None


@cache
def _reader(path: Path) -> Reader | None:
    """The database, opened once in a process."""
    try:
        return maxminddb.open_database(path)
    except (InvalidDatabaseError, OSError, ValueError) as error:
        _log_once(path, str(error))
        return None


@cache
def _log_once(path: Path, fault: str) -> None:
    logger.error("The GeoIP database %s cannot be read, so events get no country from it: %s", path, fault)


def _public(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address if address.is_global else None


def _code(record: object) -> str | None:
    """The code in MaxMind's layout, where `country` is an object, or in IPinfo's, where it is the code itself."""
    country = record.get("country") if isinstance(record, dict) else None
    if isinstance(country, dict):
        country = country.get("iso_code")
    return country if isinstance(country, str) and country else None
