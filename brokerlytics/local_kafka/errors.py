class LocalKafkaError(Exception):
    """The local Kafka did not start or stay; the message is one line that says why and what to do."""


class KafkaUnavailableError(LocalKafkaError):
    """This machine cannot run Apache Kafka: Java or Maven is missing, or Maven Central is out of reach."""
