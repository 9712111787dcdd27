"""A simulation that goes on where it ended, with what happened meanwhile."""

import io
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analytics_app.models import Source
from analytics_app.simulation import continued
from analytics_app.simulation.continued import Continued, Keeper
from tests.analytics.conftest import RecordingProducer

DAY = 86_400_000
NOW = 1_790_000_000_000
RUN = ["simulate", "live", "shop", "--users", "200", "--source", "simulation", "--sink", "kafka", "--seed", "3"]


@pytest.fixture(autouse=True)
def _no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def simulate(*arguments: Any) -> str:
    out = io.StringIO()
    call_command(*RUN, *arguments, "--speed", "7200", stdout=out)
    return out.getvalue()


def ids(recorder: RecordingProducer) -> list[str]:
    return [json.loads(value)["event_id"] for _, value in recorder.messages]


@pytest.mark.django_db
def test_the_history_is_sent_and_a_second_run_goes_on(recorder: RecordingProducer, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    first = ["--history", "10", "--continue", file, "--now", "2026-08-11T12:00:00Z", "--duration", "1"]
    assert "from 2026-08-01T12:00:00.000Z" in simulate(*first)
    one = [json.loads(value)["created_on"] for _, value in recorder.messages]
    assert "2026-08-01T12" < one[0] < "2026-08-01T15"
    assert "2026-08-11T12" < one[-1] < "2026-08-11T14:00:01"
    assert {json.loads(value)["source"] for _, value in recorder.messages} == {"simulation"}
    assert Source.objects.filter(name="simulation").exists()

    before, recorder.messages = recorder.messages, []
    simulate("--history", "10", "--continue", file, "--now", "2026-08-13T12:00:00Z", "--duration", "1")
    two = [json.loads(value)["created_on"] for _, value in recorder.messages]
    assert two[0] >= one[-1]
    assert two[-1] > "2026-08-13T12"
    # The last moment may be sent again, with the same ids.
    again = {value for _, value in before} & {value for _, value in recorder.messages}
    assert len(again) <= 2
    # As one run would have sent it.
    all_ids, recorder.messages = [*dict.fromkeys([*_ids(before), *ids(recorder)])], []
    simulate("--history", "10", "--now", "2026-08-11T12:00:00Z", "--duration", str(50 * 3600 / 7200))
    assert all_ids == ids(recorder)


def _ids(messages: list[tuple[bytes, bytes]]) -> list[str]:
    return [json.loads(value)["event_id"] for _, value in messages]


def test_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert continued.read(file, "shop", NOW) is None
    state = Continued("shop", 1, NOW - DAY, NOW)
    continued.write(file, state)
    assert continued.read(file, "shop", NOW) == state
    assert continued.read(file, "game", NOW) is None
    # Other people go on after very long.
    assert continued.read(file, "shop", NOW + 130 * DAY) == Continued("shop", 2, NOW, NOW)
    file.write_text("{")
    assert continued.read(file, "shop", NOW) is None


def test_it_is_written_every_few_seconds_and_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    keeper = Keeper(file, Continued("shop", 1, NOW, NOW), every=5.0)

    def kept() -> int:
        found = continued.read(file, "shop", NOW)
        assert found
        return found.sent_until - NOW

    for time, at, wanted in ((1, 10.0, 1), (2, 14.9, 1), (3, 15.0, 3), (4, 16.0, 3)):
        keeper.keep(NOW + time, at)
        assert kept() == wanted
    keeper.end(NOW + 4)
    assert kept() == 4


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CommandError, match=r"state\.json cannot be written: "):
        call_command("simulate", "live", "--dry-run", "--history", "1", "--continue", str(file / "state.json"))


@pytest.mark.parametrize("arguments", [["--history", "3", "--rate", "5"], ["--continue", "x", "--rate", "5"]])
def test_only_for_live_in_its_own_time(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="--history and --continue are for `live` without --rate"):
        call_command("simulate", "live", "--dry-run", *arguments)
