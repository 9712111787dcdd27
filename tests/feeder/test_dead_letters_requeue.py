"""A requeue puts each letter onto the topic exactly once, wherever it is killed. On a real broker."""

import json
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from brokerlytics.kafka import client_config
from brokerlytics.store import PartitionPaths
from feeder_app.dead_letters.inbox import LetterError, Wanted, drop, job_lock, read_inbox
from feeder_app.dead_letters.journal import LetterState, journal_path
from feeder_app.dead_letters.requeue import HEADER, SETTLE, Outcome, Requeue, UnsettledError
from feeder_app.topic_reader import make_reader, messages_of
from feeder_app.verify.service import VerifyOptions, verify_store
from tests.feeder.killed_requeue import STEPS
from tests.feeder.support import stored_rows
from tests.feeder.test_feeder import drain, events, make_topic, produce
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
LETTERS = 5
BAD = [json.dumps({"device_id": f"d{n}", "properties": {"n": n}}).encode() for n in range(LETTERS)]

pytestmark = pytest.mark.parametrize("kafka", ["real"], indirect=True)


@pytest.fixture
def bad_topic(kafka: str, tmp_path: Path) -> str:  # noqa: ARG001 (the topic is on it)
    """A drained topic of one partition: 10 events, then LETTERS records without an event_type."""
    name = make_topic()
    produce(name, [*events(0, 10), *BAD])
    drain(store(tmp_path), name)
    return name


def store(tmp_path: Path) -> Path:
    return tmp_path / "var" / "store"


def requeue(tmp_path: Path, topic: str, later: timedelta = timedelta(0)) -> Requeue:
    return Requeue(store(tmp_path), topic, client_config(), lambda: datetime.now(UTC) + later)


def places(tmp_path: Path, topic: str, *states: LetterState) -> list[str]:
    return [item.letter.place for item in read_inbox(store(tmp_path), topic, Wanted(states=frozenset(states)))]


def sent_again(topic: str) -> Counter[str]:
    """How often the topic has a record with the header of each letter."""
    reader = make_reader(client_config())
    partition = TopicPartition(topic, 0)
    _, high = reader.get_watermark_offsets(partition, timeout=PATIENCE)
    headers = [dict(message.headers() or []) for message in messages_of(reader, partition, 0, high)]
    reader.close()
    return Counter(value.decode() for found in headers if isinstance(value := found.get(HEADER), bytes))


def names(topic: str) -> list[str]:
    return [f"{topic}-0-{offset}" for offset in range(10, 10 + LETTERS)]


def kill_at(step: str, env: dict[str, str], topic: str) -> None:
    command = [sys.executable, "-m", "tests.feeder.killed_requeue", "requeue", "--all"]
    env = env | {"CRASH_AT": step, "KAFKA_TOPIC": topic}
    killed = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def test_a_letter_is_sent_with_its_key_and_value_into_its_partition(tmp_path: Path, bad_topic: str) -> None:
    outcome = requeue(tmp_path, bad_topic).run(["0:11", "0:13"], {})
    assert outcome == Outcome(sent=2)
    reader = make_reader(client_config())
    first, second = messages_of(reader, TopicPartition(bad_topic, 0), 15, 17)
    reader.close()
    assert (first.key(), first.value(), first.headers()) == (b"k11", BAD[1], [(HEADER, f"{bad_topic}-0-11".encode())])
    assert second.value() == BAD[3]
    assert places(tmp_path, bad_topic, LetterState.REQUEUED) == ["0:11", "0:13"]
    assert places(tmp_path, bad_topic, LetterState.WAITING) == ["0:10", "0:12", "0:14"]
    # Again: nothing is left to do about them.
    assert requeue(tmp_path, bad_topic).run(["0:11", "0:13"], {}) == Outcome()


def test_a_mended_letter_becomes_a_row(tmp_path: Path, bad_topic: str) -> None:
    requeue(tmp_path, bad_topic).run(places(tmp_path, bad_topic), {"event_type": "FIXED"})
    assert drain(store(tmp_path), bad_topic) == LETTERS
    rows = [row for row in stored_rows(store(tmp_path), bad_topic) if row["event_type"] == "FIXED"]
    assert sorted(row["device_id"] for row in rows) == [f"d{n}" for n in range(LETTERS)]
    letters = {item.letter.offset: item.letter for item in read_inbox(store(tmp_path), bad_topic)}
    assert {row["received_on"][:16] for row in rows} == {letters[10].time.isoformat()[:16]}
    (account,) = verify_store(VerifyOptions(store(tmp_path), bad_topic, client_config()), lambda _: None)
    assert (list(account.findings.texts()), account.unexplained, account.rows) == ([], 0, 15)


@pytest.mark.parametrize("step", STEPS)
def test_a_requeue_that_was_killed_sends_each_letter_once(
    product_env: dict[str, str], tmp_path: Path, bad_topic: str, step: str
) -> None:
    kill_at(step, product_env, bad_topic)
    before = sum(sent_again(bad_topic).values())
    outcome = requeue(tmp_path, bad_topic, SETTLE).run(places(tmp_path, bad_topic), {})
    assert outcome.sent == LETTERS - before
    assert sent_again(bad_topic) == Counter(names(bad_topic))
    assert places(tmp_path, bad_topic, LetterState.REQUEUED) == places(tmp_path, bad_topic)
    assert requeue(tmp_path, bad_topic).run(places(tmp_path, bad_topic), {}) == Outcome()


@pytest.mark.parametrize("step", ["after a part was produced", "after all was produced", "within done"])
def test_the_control_that_does_not_look_sends_twice(
    product_env: dict[str, str], tmp_path: Path, bad_topic: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the topic not looked at, the test above would notice."""
    kill_at(step, product_env, bad_topic)
    monkeypatch.setattr(Requeue, "_look", lambda *_: {})
    requeue(tmp_path, bad_topic, SETTLE).run(places(tmp_path, bad_topic), {})
    assert max(sent_again(bad_topic).values()) == 2


def test_what_was_interrupted_a_moment_ago_is_waited_for(
    product_env: dict[str, str], tmp_path: Path, bad_topic: str
) -> None:
    kill_at("after the intent", product_env, bad_topic)
    assert len(places(tmp_path, bad_topic, LetterState.UNFINISHED)) == LETTERS
    with pytest.raises(UnsettledError, match="Try again in"):
        requeue(tmp_path, bad_topic).run(places(tmp_path, bad_topic), {})
    assert not sent_again(bad_topic)
    # A clock that was set back by a year: the intents lie in the future, and nobody waits for that.
    assert requeue(tmp_path, bad_topic, -timedelta(days=365)).run(places(tmp_path, bad_topic), {}).sent == LETTERS


def test_the_command_waits_by_itself(product_env: dict[str, str], tmp_path: Path, bad_topic: str) -> None:
    kill_at("after a part was produced", product_env, bad_topic)
    command = [sys.executable, "manage.py", "deadletters", "requeue", "--reason", "missing_field"]
    env = product_env | {"KAFKA_TOPIC": bad_topic}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True, text=True)
    assert "3 letters had been sent by a requeue that was interrupted.\n2 letters were sent again." in done.stdout
    assert sent_again(bad_topic) == Counter(names(bad_topic))
    assert len(places(tmp_path, bad_topic, LetterState.REQUEUED)) == LETTERS


def test_an_intent_that_the_topic_cannot_answer_for_is_told(
    product_env: dict[str, str], tmp_path: Path, bad_topic: str
) -> None:
    kill_at("after the intent", product_env, bad_topic)
    path = journal_path(PartitionPaths(store(tmp_path), bad_topic, 0))
    path.write_bytes(path.read_bytes().replace(b'"from_offset":15', b'"from_offset":99'))
    with pytest.raises(LetterError, match=r"cannot be found any more.*deadletters drop 0:10 0:11 0:12 0:13 0:14"):
        requeue(tmp_path, bad_topic, SETTLE).run(["0:10"], {})
    assert drop(store(tmp_path), bad_topic, places(tmp_path, bad_topic), datetime.now(UTC)) == LETTERS
    assert requeue(tmp_path, bad_topic, SETTLE).run(["0:10"], {}) == Outcome()


def test_one_command_at_a_time(tmp_path: Path, bad_topic: str) -> None:
    with job_lock(store(tmp_path), bad_topic, datetime.now(UTC)):
        with pytest.raises(LetterError, match="Another command works on them"):
            requeue(tmp_path, bad_topic).run(["0:10"], {})
        with pytest.raises(LetterError, match="Another command works on them"):
            drop(store(tmp_path), bad_topic, ["0:10"], datetime.now(UTC))
    assert requeue(tmp_path, bad_topic).run(["0:10"], {}).sent == 1


def test_a_letter_that_the_broker_refuses_is_told_and_can_be_sent_later(tmp_path: Path, bad_topic: str) -> None:
    """A topic that takes less than it did: the broker refuses, and says so."""
    big = {"event_type": "A", "properties": {"text": "x" * 2_000_000}}
    outcome = requeue(tmp_path, bad_topic).run(["0:10"], big)
    assert (outcome.sent, outcome.failed) == (0, 1)
    assert "too large" in outcome.error.lower()
    assert places(tmp_path, bad_topic, LetterState.UNFINISHED) == ["0:10"]
    assert requeue(tmp_path, bad_topic, SETTLE).run(["0:10"], {}) == Outcome(sent=1)
