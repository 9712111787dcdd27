"""The country of an address, on small databases in MaxMind's format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from pytest_django import Settings

from analytics_app.geoip import country_of

Database = Callable[..., Path]


@pytest.fixture
def database(tmp_path: Path, settings: Settings) -> Database:
    """Makes a database of {network: record} the configured one."""

    def make(records: dict[str, Any], ip_version: int = 6) -> Path:
        writer = MMDBWriter(ip_version, "Test-Country", ipv4_compatible=ip_version == 6)
        for network, record in records.items():
            writer.insert_network(IPSet([network]), record)
        path = tmp_path / "country.mmdb"
        writer.to_db_file(str(path))
        settings.GEOIP_DATABASE = path
        return path

    return make


RECORDS = {
    "81.2.69.0/24": {"country": {"iso_code": "GB", "names": {"en": "United Kingdom"}}},
    "2a02:d100::/29": {"country": {"iso_code": "DE"}},
    "89.160.20.0/24": {"country": "SE", "asn": "AS29518"},
    "67.43.156.0/24": {"country": {"iso_code": 7}},
    "67.43.157.0/24": {"continent": {"code": "AS"}},
    "67.43.158.0/24": "text",
    "10.0.0.0/8": {"country": {"iso_code": "XX"}},
}


@pytest.mark.parametrize(
    ("ip", "country"),
    [
        ("81.2.69.160", "GB"),
        ("::ffff:81.2.69.160", "GB"),
        ("2a02:d100::1", "DE"),
        ("89.160.20.1", "SE"),
        ("67.43.156.1", None),
        ("67.43.157.1", None),
        ("67.43.158.1", None),
        ("8.8.8.8", None),
        ("10.1.2.3", None),
        ("127.0.0.1", None),
        ("fe80::1%eth0", None),
        ("81.2.69.160:443", None),
        ("unknown", None),
        ("\x00", None),
        ("", None),
    ],
)
def test_an_address_lies_in_a_country(ip: str, country: str | None, database: Database) -> None:
    database(RECORDS)
    assert country_of(ip) == country


def test_a_database_of_ipv4_knows_no_ipv6(database: Database) -> None:
    database({"81.2.69.0/24": RECORDS["81.2.69.0/24"]}, ip_version=4)
    assert country_of("81.2.69.160") == "GB"
    assert country_of("2a02:d100::1") is None


def test_without_a_database_there_is_no_country(settings: Settings) -> None:
    settings.GEOIP_DATABASE = None
    assert country_of("81.2.69.160") is None


def test_the_database_is_opened_once(database: Database) -> None:
    path = database(RECORDS)
    assert country_of("81.2.69.160") == "GB"
    path.unlink()
    assert country_of("81.2.69.160") == "GB"


def test_a_missing_database_is_logged_once(
    tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GEOIP_DATABASE = tmp_path / "missing.mmdb"
    assert [country_of("81.2.69.160") for _ in range(3)] == [None] * 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(tmp_path / "missing.mmdb") in caplog.text
    (tmp_path / "directory").mkdir()
    settings.GEOIP_DATABASE = tmp_path / "directory"
    assert country_of("81.2.69.160") is None


@pytest.mark.parametrize("damage", ["no database", "short", "data"])
def test_a_broken_database_is_logged_once(damage: str, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    path = database(RECORDS)
    good = path.read_bytes()
    metadata = good.rindex(b"\xab\xcd\xefMaxMind.com")
    # What lies before the metadata: the tree, 16 zeros, the records.
    records = good.rindex(bytes(16), 0, metadata) + 16
    path.write_bytes(
        {
            "no database": b"no database at all",
            "short": good[: metadata - 5],
            "data": good[:records] + b"\xff" * (metadata - records) + good[metadata:],
        }[damage]
    )
    assert [country_of("81.2.69.160") for _ in range(3)] == [None] * 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "81.2.69.160" not in caplog.text
