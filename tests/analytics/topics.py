"""What is on a topic."""

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from brokerlytics.kafka import client_config
from tests.waiting import PATIENCE


def read_topic(topic: str) -> list[Message]:
    """Every message on `topic`, each partition's in order."""
    consumer = Consumer(client_config(group_id="test", enable_partition_eof=True, enable_auto_commit=False))
    try:
        partitions = consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        messages, open_partitions = [], len(partitions)
        while open_partitions:
            message = consumer.poll(10)
            assert message is not None, "the topic could not be read"
            error = message.error()
            if error is None:
                messages.append(message)
                continue
            assert error.code() == KafkaError._PARTITION_EOF, error
            open_partitions -= 1
        return messages
    finally:
        consumer.close()
