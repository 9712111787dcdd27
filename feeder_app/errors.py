"""What ends a feeder, each with the exit code of `runfeeder`."""


class FeederError(Exception):
    """The feeder cannot go on; the message says why and what to do."""

    exit_code = 1


class StoreDamagedError(FeederError):
    """The store does not hold what its checkpoint says was committed, or the topic is not the one it was."""

    exit_code = 3


class PoisonBoundError(FeederError):
    """Too many records are no events: more likely a broken producer than broken events."""

    exit_code = 4


class StoreFailedError(FeederError):
    """A write or fsync failed: what is on disk is unknown until the store is opened again."""

    exit_code = 5


class ConnectionLostError(FeederError):
    """The consumer cannot reach Kafka, others can: a new process will."""


class PartitionBusyError(Exception):
    """Another process holds the partition's lock."""


class OutOfSpaceError(Exception):
    """The disk is full. Nothing is lost: the file ends at the last commit and the buffer is kept."""
