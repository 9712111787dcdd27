from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from django.core.exceptions import ImproperlyConfigured

from brokerlytics.kafka_settings import kafka_client_settings

LIBRDKAFKA_FILE = """\
# Required connection configs for Kafka producer, consumer, and admin
bootstrap.servers=pkc-1.confluent.cloud:9092
security.protocol=SASL_SSL
sasl.mechanisms=PLAIN
sasl.username=KEY
sasl.password=abc/de+f=

# Best practice for higher availability in librdkafka clients prior to 1.7
session.timeout.ms=45000

client.id=ccloud-python-client-1
"""
JAVA_FILE = """\
# Required connection configs for Kafka producer, consumer, and admin
bootstrap.servers=pkc-1.confluent.cloud:9092
security.protocol=SASL_SSL
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
    username='KEY' password="abc/de+f=";
sasl.mechanism=PLAIN
! Required for correctness in Apache Kafka clients prior to 2.6
client.dns.lookup=use_all_dns_ips
session.timeout.ms = 45000
acks: all
client.id=ccloud-java-client-1
schema.registry.url=https://psrc-1.confluent.cloud
basic.auth.credentials.source=USER_INFO
key.serializer=org.apache.kafka.common.serialization.StringSerializer
"""


@pytest.mark.parametrize(("style", "text"), [("python", LIBRDKAFKA_FILE), ("java", JAVA_FILE)])
def test_confluent_clouds_file_is_read_as_it_is(style: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "client.properties"
    path.write_text(text)
    found = kafka_client_settings({"KAFKA_CONFIG_FILE": str(path)})
    assert found == {
        "bootstrap.servers": "pkc-1.confluent.cloud:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "PLAIN",
        "sasl.username": "KEY",
        "sasl.password": "abc/de+f=",
        "client.id": f"ccloud-{style}-client-1",
    }
    del found["bootstrap.servers"]
    AdminClient({**found, "log_level": 0})  # librdkafka takes all of them.


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "client.properties"
    path.write_text("sasl.username=from-file\nbootstrap.servers=file:9092\n")
    environment = {"KAFKA_CONFIG_FILE": str(path), "KAFKA_SASL_USERNAME": "from-variable"}
    assert kafka_client_settings(environment) == {
        "sasl.username": "from-variable",
        "bootstrap.servers": "file:9092",
    }


def test_variables_that_are_no_setting_of_librdkafka_are_left_alone() -> None:
    others = {"KAFKA_PORT": "1", "KAFKA_TOPIC": "t", "KAFKA_HOME": "/opt/kafka", "KAFKA_HEAP_OPTS": "-Xmx1g"}
    blank = {"KAFKA_SASL_PASSWORD": "", "HOME": "/root"}
    assert kafka_client_settings({**others, **blank, "KAFKA_LOG_LEVEL": "3"}) == {"log_level": "3"}


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"absent.properties cannot be read: No such file"):
        kafka_client_settings({"KAFKA_CONFIG_FILE": str(tmp_path / "absent.properties")})
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ImproperlyConfigured, match="not UTF-8"):
        kafka_client_settings({"KAFKA_CONFIG_FILE": str(binary)})


def test_a_line_without_a_value_is_told_by_number_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "client.properties"
    path.write_text("client.id=a\n\nsecret-password\n")
    with pytest.raises(ImproperlyConfigured, match="line 3: expected name=value") as caught:
        kafka_client_settings({"KAFKA_CONFIG_FILE": str(path)})
    assert "secret" not in str(caught.value)
