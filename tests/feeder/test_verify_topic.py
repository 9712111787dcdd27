"""`verifystore --against-topic` on a real broker: what the store has is what the topic says, to the byte."""

import json
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from confluent_kafka import Producer

from brokerlytics.checkpoint import CheckpointFile, read_checkpoint
from brokerlytics.kafka import client_config
from brokerlytics.store import PartitionPaths, closed_segments
from feeder_app.dead_letters.inbox import read_inbox
from feeder_app.dead_letters.journal import LetterState
from feeder_app.maintenance.dead_letters import blank_letters
from feeder_app.maintenance.person import Person
from feeder_app.verify.account import Account
from feeder_app.verify.service import VerifyOptions, verify_store
from tests.feeder.conftest import SEED
from tests.feeder.test_feeder import drain, events, make_topic, produce
from torture.feeders import Feeders
from torture.load import Load

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


def compared(root: Path, topic: str) -> list[Account]:
    return verify_store(VerifyOptions(root, topic, client_config()), lambda _: None)


def faults(root: Path, topic: str) -> list[str]:
    return [text for account in compared(root, topic) for text in account.findings.texts()]


@pytest.fixture
def filled(tmp_path: Path, kafka: str) -> tuple[Path, str]:  # noqa: ARG001 (the topic is on it)
    """A drained topic of one partition: 200 events, 40 repeats, 10 bad records; and its store."""
    topic = make_topic()
    produce(topic, [*events(0, 200), *events(100, 40), *[b"junk"] * 10])
    drain(tmp_path, topic)
    return tmp_path, topic


def test_what_was_fed_agrees_with_the_topic(filled: tuple[Path, str]) -> None:
    (account,) = compared(*filled)
    assert list(account.findings.texts()) == account.findings.notes == []
    assert (account.rows, account.duplicates, account.dead_letters, account.compared) == (200, 40, 10, 250)
    assert account.unexplained == 0


def test_a_store_with_feeders_at_work_is_clean(feeders: Feeders, kafka: str, topic: str) -> None:
    """Each look is at another moment: within a commit, as segments are closed, and after a kill."""
    # Each look reads all there is, and meanwhile more comes.
    with Load(kafka, topic, SEED, rate=200).running():
        for _ in range(3):
            feeder = feeders.start()
            feeders.wait_for_work(feeder, 100)
            for _ in range(2):
                assert faults(feeders.store, feeders.topic) == []
            feeder.kill()
            assert faults(feeders.store, feeders.topic) == []
    assert feeders.drain().returncode == 0
    accounts = compared(feeders.store, feeders.topic)
    assert [text for account in accounts for text in account.findings.texts()] == []
    assert sum(account.compared for account in accounts) == feeders.committed() > 300


def test_a_row_that_was_changed_is_named(filled: tuple[Path, str]) -> None:
    root, topic = filled
    (segment,) = closed_segments(root, topic)
    content = segment.path.read_bytes()
    segment.path.write_bytes(content.replace(b",VIEW,", b",VIEX,", 1))
    assert faults(root, topic) == [
        f"topic: {topic}[0], offset 0: the row differs from its record. Restore the file from a backup."
    ]


def test_a_lost_row_is_named_though_the_checkpoint_was_made_to_agree(filled: tuple[Path, str]) -> None:
    root, topic = filled
    (segment,) = closed_segments(root, topic)
    rows = segment.path.read_bytes().splitlines(keepends=True)
    segment.path.write_bytes(b"".join(rows[:50] + rows[51:]))
    path = PartitionPaths(root, topic, 0).checkpoint
    checkpoint = read_checkpoint(path)
    assert checkpoint
    file = CheckpointFile(path)
    more = msgspec.structs.replace(checkpoint, sequence=checkpoint.sequence + 1, rows=199)
    file.write(more)
    file.close()
    (account,) = verify_store(VerifyOptions(root, topic), lambda _: None)
    assert (list(account.findings.texts()), account.unexplained) == ([], 1)
    (text,) = faults(root, topic)
    assert f"{topic}[0], offset 49: LOST" in text


def test_a_dead_letter_that_differs_is_named(filled: tuple[Path, str]) -> None:
    root, topic = filled
    path = PartitionPaths(root, topic, 0).dead_letters
    path.write_bytes(path.read_bytes().replace(b"anVuaw==", b"anVuag==", 1))
    (text,) = faults(root, topic)
    assert "offset 240: its dead letter is missing or differs" in text


def test_a_dead_letter_that_was_blanked_by_forget_is_no_fault(filled: tuple[Path, str]) -> None:
    root, topic = filled
    assert blank_letters(PartitionPaths(root, topic, 0), Person(frozenset({"junk"}), frozenset())) == 10
    assert {item.state for item in read_inbox(root, topic)} == {LetterState.DROPPED}
    assert faults(root, topic) == []


def test_offsets_of_control_records_are_explained_by_the_topic(tmp_path: Path, kafka: str) -> None:  # noqa: ARG001
    topic = make_topic()
    producer = Producer(client_config(transactional_id=uuid4().hex))
    producer.init_transactions()
    for number, end in enumerate(
        [producer.commit_transaction, producer.abort_transaction, producer.commit_transaction]
    ):
        producer.begin_transaction()
        producer.produce(topic, json.dumps({"event_id": f"t{number}", "event_type": "A", "device_id": "d"}).encode())
        producer.flush()
        end()
    drain(tmp_path, topic)
    (alone,) = verify_store(VerifyOptions(tmp_path, topic), lambda _: None)
    assert (alone.rows, alone.unexplained) == (2, alone.next_offset - 2)
    assert alone.unexplained > 0
    (account,) = compared(tmp_path, topic)
    assert (list(account.findings.texts()), account.unexplained) == ([], 0)


def test_a_topic_that_was_made_again_is_told(filled: tuple[Path, str]) -> None:
    root, topic = filled
    other = make_topic()
    for path in [*root.glob("state/*"), *root.glob("data/*/*")]:
        path.rename(path.with_name(path.name.replace(topic, other)))
    (text,) = [text for text in faults(root, other) if text.startswith("topic")]
    assert "250 offsets are committed, but the topic ends at 0" in text
