"""A Kafka on this machine: the real broker as a child process, or librdkafka's mock cluster to try things out."""
